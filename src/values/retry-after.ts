/** Values above this are points in time: Docker Hub once sent epoch seconds in this header. */
const EPOCH_SECONDS = 1_000_000_000;

/**
 * The wait that a `Retry-After` header asks for, in milliseconds from `nowMs` (RFC 9110: seconds
 * or an HTTP date); null when there is none or it cannot be understood. Never negative.
 */
export function parseRetryAfter(header: string | null | undefined, nowMs: number): number | null {
  const text = header?.trim() ?? "";
  if (/^\d{1,12}$/.test(text)) {
    const seconds = Number(text);
    return seconds < EPOCH_SECONDS ? seconds * 1000 : Math.max(0, seconds * 1000 - nowMs);
  }
  // Only the date forms of the standard: Date.parse alone would take "1.5" for a year.
  if (!/^[A-Z][a-z]{2,8},? /.test(text)) return null;
  const dateMs = Date.parse(text);
  return Number.isNaN(dateMs) ? null : Math.max(0, dateMs - nowMs);
}
