import { resolve } from "node:path";
import { EXIT } from "../../errors.ts";
import { drillNow } from "../../postgres/drill.ts";
import { withHostLock } from "../../postgres/with-host-lock.ts";
import { formatDuration } from "../../values/duration.ts";
import type { CommandRun } from "../command.ts";
import { counted } from "../render/sizes.ts";
import { visible } from "../render/visible.ts";
import { waitOption, withRunContext } from "../run-command.ts";

export const run: CommandRun = async (input) => {
  const [file] = input.arguments;
  const frame = { command: "drill", waitLockMs: waitOption(input, 0) };
  const report = await withRunContext(input, (context) =>
    withHostLock(frame, context, () =>
      drillNow(file === undefined ? null : resolve(file), context),
    ),
  );
  input.output.result(report, () => {
    const found = `${counted(report.databases, "database")}, ${counted(report.rows, "row")}`;
    const took = formatDuration(report.durationMs);
    return [`${visible(report.path)}: restored and compared: ${found}, in ${took}.`];
  });
  return EXIT.done;
};
