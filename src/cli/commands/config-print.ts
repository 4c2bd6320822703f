import { printableConfig, printConfigLines } from "../../config/print.ts";
import { EXIT } from "../../errors.ts";
import type { CommandRun } from "../command.ts";

export const run: CommandRun = async ({ output, session }) => {
  const loaded = await session.loadConfig();
  const entries = printableConfig(loaded);
  output.result({ schema: 1, file: loaded.file, settings: entries }, () =>
    printConfigLines(loaded.file, entries),
  );
  return EXIT.done;
};
