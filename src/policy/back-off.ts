const FIRST_DELIVERY_DELAY_MS = 5_000;
const LONGEST_DELIVERY_DELAY_MS = 15 * 60_000;
const LONGEST_OBEYED_MS = 24 * 3_600_000;

/**
 * Milliseconds until the next delivery attempt: 5 s, doubled each time, at most 15 minutes. A
 * server's own wish is obeyed when it is longer, up to a day.
 */
export function deliveryDelayMs(failedAttempts: number, retryAfterMs: number | null): number {
  const doublings = Math.min(Math.max(failedAttempts - 1, 0), 20);
  const delayMs = Math.min(FIRST_DELIVERY_DELAY_MS * 2 ** doublings, LONGEST_DELIVERY_DELAY_MS);
  return Math.max(delayMs, Math.min(retryAfterMs ?? 0, LONGEST_OBEYED_MS));
}

const FIRST_HOLD_DELAY_MS = 3_600_000;
const LONGEST_HOLD_DELAY_MS = 24 * 3_600_000;

/**
 * Earliest time at which the schedule should try a queued container again: an hour after the first
 * try, doubled each time, at most a day. Retry by hand does not wait for it.
 */
export function nextTryMs(lastTryMs: number, attempts: number): number {
  const doublings = Math.min(Math.max(attempts - 1, 0), 20);
  return lastTryMs + Math.min(FIRST_HOLD_DELAY_MS * 2 ** doublings, LONGEST_HOLD_DELAY_MS);
}
