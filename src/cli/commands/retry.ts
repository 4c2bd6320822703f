import type { CommandRun } from "../command.ts";
import { carryOutRun, waitOption } from "../run-command.ts";

export const run: CommandRun = async (input) =>
  await carryOutRun(input, ({ runCycle }, context) =>
    runCycle(
      { kind: "retry", containers: null, dryRun: false, waitLockMs: waitOption(input, 0) },
      context,
    ),
  );
