import { ENGINE_TIMEOUT, ENGINE_UNREACHABLE, isError, OperatorError } from "../errors.ts";
import type { Ports } from "../ports.ts";

const PAUSE_MS = 1000;

/** Whether the engine left the call unanswered. */
function isNoAnswer(error: unknown): boolean {
  return isError(error, ENGINE_UNREACHABLE) || isError(error, ENGINE_TIMEOUT);
}

/**
 * Whether the engine answers at all, whatever it says. Not by the list of containers: one that hangs
 * may hold that up.
 */
export async function isEngineThere({ engine }: Pick<Ports, "engine">): Promise<boolean> {
  try {
    await engine.ping();
    return true;
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    return !isNoAnswer(error);
  }
}

/**
 * Waits until the engine answers: it may just be starting (after a power cut, `@reboot`) or be
 * restarted by a package upgrade. Throws its last error when the time is over.
 */
export async function awaitEngine(
  { engine, clock }: Pick<Ports, "engine" | "clock">,
  timeoutMs: number,
): Promise<void> {
  const deadlineMs = clock.monotonicMs() + timeoutMs;
  for (;;) {
    try {
      await engine.listContainers();
      return;
    } catch (error) {
      if (!isNoAnswer(error) || clock.monotonicMs() >= deadlineMs) throw error;
      await clock.sleep(PAUSE_MS);
    }
  }
}
