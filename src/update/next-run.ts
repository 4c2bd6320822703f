import type { ScheduleConfig } from "../config/config.ts";
import { readMeta, writeMeta } from "../state/meta.ts";
import { isUnwritable, type State } from "../state/state.ts";
import type { RunKind } from "./outcome.ts";

export interface NextRun {
  kind: RunKind;
  at: string;
}

/** What was worked out, for which schedule, when. */
interface Kept extends NextRun {
  schedule: string;
  asOfMs: number;
}

const META_KEY = "next-run";

/**
 * The next scheduled run that could deploy or check something; null where none is configured. It is
 * remembered until it is over: time zones cost a start 15 ms, and `status` must answer at once.
 */
export async function nextRun(
  schedule: ScheduleConfig,
  state: State,
  nowMs: number,
): Promise<NextRun | null> {
  const entries = (["weekly", "retry", "check"] as const).flatMap((kind) => {
    const pattern = schedule[kind];
    return pattern === null ? [] : [{ kind, pattern }];
  });
  if (entries.length === 0) return null;
  const key = JSON.stringify([schedule.timezone, entries]);
  const kept = readKept(state, key, nowMs);
  if (kept !== null) return kept;
  const { Cron } = await import("croner");
  const times = entries.flatMap(({ kind, pattern }) => {
    const next = new Cron(pattern, { timezone: schedule.timezone }).nextRun(new Date(nowMs));
    return next === null ? [] : [{ kind, at: next.toISOString() }];
  });
  const next = times.toSorted((left, right) => left.at.localeCompare(right.at))[0] ?? null;
  if (next !== null) keep(state, { ...next, schedule: key, asOfMs: nowMs });
  return next;
}

/** Only while it lies ahead, and only for the same schedule; a clock set back asks anew. */
function readKept(state: State, schedule: string, nowMs: number): NextRun | null {
  const text = readMeta(state, META_KEY);
  if (text === null) return null;
  const kept: Kept = JSON.parse(text);
  const isCurrent = kept.asOfMs <= nowMs && nowMs < Date.parse(kept.at);
  return kept.schedule === schedule && isCurrent ? { kind: kept.kind, at: kept.at } : null;
}

function keep(state: State, kept: Kept): void {
  try {
    writeMeta(state, META_KEY, JSON.stringify(kept));
  } catch (error) {
    // A full disk must not keep anybody from seeing the status.
    if (!isUnwritable(error)) throw error;
  }
}
