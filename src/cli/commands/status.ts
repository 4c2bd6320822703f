import { EXIT } from "../../errors.ts";
import { overview } from "../../update/overview.ts";
import type { CommandRun } from "../command.ts";
import { statusLines } from "../render/status.ts";
import { painter } from "../render/style.ts";

export const run: CommandRun = async ({ output, session }) => {
  const context = await session.openContext();
  const report = await overview(context);
  output.result(report, () =>
    statusLines(report, {
      width: output.width,
      paint: painter(output.hasColour(output.stdout)),
      nowMs: Date.now(),
      quiet: output.options.quiet,
    }),
  );
  return EXIT.done;
};
