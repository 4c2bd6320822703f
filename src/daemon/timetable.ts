/** When the schedule's jobs are due, in its time zone, clock changes included. */
import { Cron } from "croner";
import type { ScheduleConfig } from "../config/config.ts";
import { JOBS, type Job } from "../policy/jobs.ts";

/**
 * One configured job. Times are those of croner: what falls into the hour that the clock skips
 * happens right after it, what falls into the repeated hour happens in the first of both; only
 * jobs that repeat within hours go on through both.
 */
export interface TimetableEntry {
  job: Job;
  /** Expression and zone: another one is another schedule. */
  schedule: string;
  /** The first time after this one; null where none comes (31 February). */
  next(afterMs: number): number | null;
  /** The last time up to and including this one. */
  last(atMs: number): number | null;
}

/** The jobs that the configuration has times for, in the order of `JOBS`. */
export function timetable(schedule: ScheduleConfig): TimetableEntry[] {
  const { timezone } = schedule;
  return JOBS.flatMap((job) => {
    const pattern = schedule[job];
    if (pattern === null) return [];
    const cron = new Cron(pattern, { timezone, paused: true });
    return [
      {
        job,
        schedule: `${pattern} ${timezone}`,
        next: (afterMs: number) => cron.nextRun(new Date(afterMs))?.getTime() ?? null,
        // `previousRuns` leaves out the reference itself.
        last: (atMs: number) => cron.previousRuns(1, new Date(atMs + 1))[0]?.getTime() ?? null,
      },
    ];
  });
}
