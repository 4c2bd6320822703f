import { resolve } from "node:path";
import { EXIT } from "../../errors.ts";
import { restoreDatabase } from "../../postgres/restore-database.ts";
import { restoreTarget } from "../../postgres/servers.ts";
import { verifyDump } from "../../postgres/verify-dump.ts";
import { withHostLock } from "../../postgres/with-host-lock.ts";
import { type CommandRun, textOption } from "../command.ts";
import { confirm } from "../confirm.ts";
import { visible } from "../render/visible.ts";
import { waitOption, withRunContext } from "../run-command.ts";

export const run: CommandRun = async (input) => {
  const [database = "", file = ""] = input.arguments;
  const frame = { command: "rollback database", waitLockMs: waitOption(input, 0) };
  const report = await withRunContext(input, async (context) => {
    const dump = await verifyDump(resolve(file), context.ports.dumpFiles);
    const made = { path: dump.path, container: dump.manifest?.container ?? null };
    const server = await restoreTarget(made, textOption(input, "container"), context);
    const others = [...(server.settings?.dependents ?? []), ...(server.settings?.sidecars ?? [])];
    await confirm(input, [
      `Database ${visible(database)} of ${visible(server.container)} is replaced by the one in ${visible(dump.path)}.`,
      `Stopped for the moment of the exchange: ${visible(others.join(", ") || "nothing")}.`,
      "The present one stays under another name.",
    ]);
    return await withHostLock(frame, context, () =>
      restoreDatabase(server, database, dump, context),
    );
  });
  input.output.result(report, () => [
    `${visible(report.database)}: restored from ${visible(report.restored)}.`,
    report.formerDatabase === null
      ? "There was none of this name before."
      : `The former one is ${visible(report.formerDatabase)}; drop it when nobody needs it.`,
  ]);
  return EXIT.done;
};
