import { type CommandRun, hasOption } from "../command.ts";
import { carryOutRun, waitOption } from "../run-command.ts";

export const run: CommandRun = async (input) =>
  await carryOutRun(input, ({ runCycle }, context) =>
    runCycle(
      {
        kind: "update",
        containers: [...new Set(input.arguments)],
        dryRun: hasOption(input, "dryRun"),
        waitLockMs: waitOption(input, 0),
      },
      context,
    ),
  );
