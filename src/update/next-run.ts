import type { ScheduleConfig } from "../config/config.ts";
import type { RunKind } from "./outcome.ts";

/** The next scheduled run that could deploy or check something; null where none is configured. */
export async function nextRun(
  schedule: ScheduleConfig,
  nowMs: number,
): Promise<{ kind: RunKind; at: string } | null> {
  const entries = (["weekly", "retry", "check"] as const).flatMap((kind) => {
    const pattern = schedule[kind];
    return pattern === null ? [] : [{ kind, pattern }];
  });
  if (entries.length === 0) return null;
  const { Cron } = await import("croner");
  const times = entries.flatMap(({ kind, pattern }) => {
    const next = new Cron(pattern, { timezone: schedule.timezone }).nextRun(new Date(nowMs));
    return next === null ? [] : [{ kind, at: next.toISOString() }];
  });
  return times.toSorted((left, right) => (left.at < right.at ? -1 : 1))[0] ?? null;
}
