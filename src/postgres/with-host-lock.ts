import { acquireLock } from "../state/lock.ts";
import type { RunContext } from "../update/context.ts";
import { recoverUnfinished } from "../update/recover.ts";

/**
 * Work on databases that is no update: nothing else may be at work on this host, and what a crash
 * left is brought to its end first.
 */
export async function withHostLock<Result>(
  request: { command: string; waitLockMs: number },
  context: RunContext,
  work: () => Promise<Result>,
): Promise<Result> {
  const lock = await acquireLock(context.config.state, {
    command: request.command,
    waitMs: request.waitLockMs,
    clock: context.ports.clock,
    signal: context.stop,
  });
  try {
    await recoverUnfinished(context);
    return await work();
  } finally {
    lock.release();
  }
}
