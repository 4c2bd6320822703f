import type { ScheduleConfig } from "../config/config.ts";
import { timetable } from "../daemon/timetable.ts";

/**
 * When the schedule looks at the retry queue again, in milliseconds since 1970: `retry`, or `weekly`,
 * which covers it. Null where neither is scheduled here (host cron).
 */
export function nextTryMs(schedule: ScheduleConfig, nowMs: number): number | null {
  const times = timetable({ ...schedule, check: null, backup: null, drill: null })
    .map(({ next }) => next(nowMs))
    .filter((time) => time !== null);
  return times.length === 0 ? null : Math.min(...times);
}
