import { type CommandRun, hasOption } from "../command.ts";
import { carryOutRun, waitOption } from "../run-command.ts";

/** `weekly` covers the queue, so it waits for a running retry or check instead of giving up. */
const DEFAULT_WAIT_MS = 3_600_000;

export const run: CommandRun = async (input) =>
  await carryOutRun(input, ({ runCycle }, context) =>
    runCycle(
      {
        kind: "weekly",
        containers: null,
        dryRun: hasOption(input, "dryRun"),
        waitLockMs: waitOption(input, DEFAULT_WAIT_MS),
      },
      context,
    ),
  );
