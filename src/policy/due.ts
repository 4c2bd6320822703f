/** Whether a job is due: from what the clock says and what is on record. No clock, no state. */

/** A run that is later than this does not happen any more: it is reported. */
export const LATEST_MS = 6 * 3_600_000;

/** What is on record of a job. */
export interface Mark {
  /** The schedule that the time belongs to. */
  schedule: string;
  /** The last time that is settled: its run began, or was reported, or was another's. */
  dueMs: number;
}

export type Due =
  | { kind: "not-due" }
  /** Never seen with this schedule: nothing is made up for, it counts from now on. */
  | { kind: "new" }
  | { kind: "due"; dueMs: number }
  | { kind: "missed"; dueMs: number };

export interface DueFacts {
  schedule: string;
  mark: Mark | null;
  /** The schedule's last time up to now; null where there was none. */
  lastMs: number | null;
  nowMs: number;
  /**
   * Since when this process has seen the mark lie in the future. A clock that was wrong when the
   * mark was made must not stop the schedule for years.
   */
  aheadSinceMs: number | null;
}

/** What to do about a job now. However many times were missed, it is due once. */
export function whatIsDue({ schedule, mark, lastMs, nowMs, aheadSinceMs }: DueFacts): Due {
  if (mark === null || mark.schedule !== schedule) return { kind: "new" };
  const settledMs = isAhead(mark, nowMs) ? (aheadSinceMs ?? nowMs) : mark.dueMs;
  if (lastMs === null || lastMs <= settledMs) return { kind: "not-due" };
  return { kind: nowMs - lastMs <= LATEST_MS ? "due" : "missed", dueMs: lastMs };
}

/** Whether the mark was made by a clock that was far ahead; small corrections are none. */
export function isAhead(mark: Mark, nowMs: number): boolean {
  return mark.dueMs > nowMs + LATEST_MS;
}
