import { runCycle } from "../../update/run-cycle.ts";
import { type CommandRun, hasOption } from "../command.ts";
import { carryOutRun, waitOption } from "../run-command.ts";

/** `weekly` covers the queue, so it waits for a running retry or check instead of giving up. */
const DEFAULT_WAIT_MS = 3_600_000;

export const run: CommandRun = async (input) => {
  const dryRun = hasOption(input, "dryRun");
  const waitLockMs = waitOption(input, DEFAULT_WAIT_MS);
  const request = { kind: "weekly", containers: null, dryRun, waitLockMs } as const;
  return await carryOutRun(input, (context) => runCycle(request, context));
};
