import { OperatorError } from "../errors.ts";
import type { Clock } from "../ports.ts";

/** Long enough not to flood the output, short enough to be seen. */
const SAME_AGAIN_MS = 10 * 60_000;

/**
 * Shows what goes wrong in a loop that goes on: the same trouble once in ten minutes. Bugs are
 * thrown on.
 */
export function createComplaints(
  clock: Pick<Clock, "monotonicMs">,
  show: (error: unknown) => void,
): (error: unknown) => void {
  const shownAt = new Map<string, number>();
  return (error) => {
    if (!(error instanceof OperatorError)) throw error;
    const now = clock.monotonicMs();
    const before = shownAt.get(error.code);
    if (before !== undefined && now - before < SAME_AGAIN_MS) return;
    shownAt.set(error.code, now);
    show(error);
  };
}
