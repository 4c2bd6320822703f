import { resolve } from "node:path";
import { EXIT } from "../../errors.ts";
import { verifyDump } from "../../postgres/verify-dump.ts";
import type { CommandRun } from "../command.ts";
import { verifiedDumpLines } from "../render/dumps.ts";

export const run: CommandRun = async (input) => {
  const [file = ""] = input.arguments;
  const { ports } = await input.session.openContext();
  const dump = await verifyDump(resolve(file), ports.dumpFiles);
  input.output.result({ schema: 1, dump }, () => verifiedDumpLines(dump));
  return EXIT.done;
};
