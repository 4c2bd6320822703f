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
