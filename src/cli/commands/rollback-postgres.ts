import { EXIT } from "../../errors.ts";
import { restoreSource } from "../../postgres/restore-source.ts";
import { restoreCluster } from "../../postgres/run-restore.ts";
import { restoreTarget } from "../../postgres/servers.ts";
import { withHostLock } from "../../postgres/with-host-lock.ts";
import { formatDuration } from "../../values/duration.ts";
import { type CommandRun, textOption } from "../command.ts";
import { confirm } from "../confirm.ts";
import { visible } from "../render/visible.ts";
import { waitOption, withRunContext } from "../run-command.ts";

export const run: CommandRun = async (input) => {
  const [file = ""] = input.arguments;
  const frame = { command: "rollback postgres", waitLockMs: waitOption(input, 0) };
  const report = await withRunContext(input, async (context) => {
    const source = await restoreSource(file, context.ports.dumpFiles);
    const server = await restoreTarget(source, textOption(input, "container"), context);
    const { settings, container } = server;
    const others = [...(settings?.dependents ?? []), ...(settings?.sidecars ?? [])];
    await confirm(input, [
      `All databases of ${visible(container)} are replaced by ${visible(source.path)}`,
      `  (${visible(source.databases.join(", "))}).`,
      `Stopped meanwhile: ${visible(others.join(", ") || "nothing else")}.`,
      "What is there now is dumped first, and its data directory is kept.",
    ]);
    return await withHostLock(frame, context, () => restoreCluster(server, source, context));
  });
  input.output.result(report, () => [
    `${visible(report.container)}: restored from ${visible(report.restored)} in ${formatDuration(report.durationMs)}.`,
    `The former data is kept in ${visible(report.formerData)} of its volume; remove it when nobody needs it.`,
    `Dump of the former data: ${visible(report.formerDump ?? "none, the server did not run")}.`,
  ]);
  return EXIT.done;
};
