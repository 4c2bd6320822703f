import { EXIT, USAGE } from "../../errors.ts";
import { checkHealth } from "../check-health.ts";
import type { CommandRun } from "../command.ts";
import { healthLines } from "../render/health.ts";
import { painter } from "../render/style.ts";

export const run: CommandRun = async (input) => {
  const { output, session } = input;
  const names = [...new Set(input.arguments)];
  const isAll = names.includes("all");
  if (isAll && names.length > 1) throw USAGE("Name services, or all of them with `all`, not both.");
  const context = await session.openContext();
  const reports = await checkHealth(isAll ? null : names, context);
  output.result({ schema: 1, services: reports }, () =>
    healthLines(reports, {
      paint: painter(output.hasColour(output.stdout)),
      quiet: output.options.quiet,
    }),
  );
  return reports.every(({ verdict }) => verdict === "healthy") ? EXIT.done : EXIT.failed;
};
