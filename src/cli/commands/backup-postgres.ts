import { EXIT } from "../../errors.ts";
import { backUpNow } from "../../postgres/back-up-now.ts";
import { type CommandRun, hasOption } from "../command.ts";
import { madeDumpLines } from "../render/dumps.ts";
import { waitOption, withRunContext } from "../run-command.ts";

export const run: CommandRun = async (input) => {
  const request = {
    occasion: hasOption(input, "daily") ? ("daily" as const) : ("manual" as const),
    perDatabase: hasOption(input, "perDatabase"),
    waitLockMs: waitOption(input, 0),
  };
  const report = await withRunContext(input, (context) => backUpNow(request, context));
  input.output.result(report, () => madeDumpLines(report));
  return report.failed.length === 0 ? EXIT.done : EXIT.failed;
};
