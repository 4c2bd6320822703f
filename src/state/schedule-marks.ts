// Invariants: a job's mark is written before its run begins, so that no run happens twice; it says
// "begun" until the run has ended.
import type { Mark } from "../policy/due.ts";
import { JOBS, type Job } from "../policy/jobs.ts";
import { readMeta, writeMeta } from "./meta.ts";
import type { State } from "./state.ts";

export interface ScheduleMark extends Mark {
  state: "begun" | "settled";
}

/** What is on record of a job; null when it was never scheduled here. */
export function readMark(state: State, job: Job): ScheduleMark | null {
  const text = readMeta(state, keyOf(job));
  return text === null || text === "" ? null : (JSON.parse(text) as ScheduleMark);
}

/** Records up to which time a job is settled. Throws STATE_UNWRITABLE. */
export function writeMark(state: State, job: Job, mark: ScheduleMark): void {
  writeMeta(state, keyOf(job), JSON.stringify(mark));
}

/** The job is settled up to this time, or a later one that is on record. Throws STATE_UNWRITABLE. */
export function settleMark(state: State, job: Job, { schedule, dueMs }: Mark): void {
  state.transaction(() => {
    const before = readMark(state, job);
    const settledMs = before?.schedule === schedule ? Math.max(before.dueMs, dueMs) : dueMs;
    writeMark(state, job, { schedule, dueMs: settledMs, state: "settled" });
  });
}

/** Forgets the jobs that are no longer scheduled: when one comes back it starts afresh. */
export function keepMarksOf(state: State, scheduled: readonly Job[]): void {
  for (const job of JOBS) {
    const isOver = !scheduled.includes(job) && readMark(state, job) !== null;
    if (isOver) writeMeta(state, keyOf(job), "");
  }
}

function keyOf(job: Job): string {
  return `schedule:${job}`;
}
