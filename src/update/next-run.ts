import type { ScheduleConfig } from "../config/config.ts";
import type { Job } from "../policy/jobs.ts";
import { readMeta, writeMeta } from "../state/meta.ts";
import { isUnwritable, type State } from "../state/state.ts";

export interface NextRun {
  kind: Job;
  at: string;
}

/** What was worked out, for which schedule, when. */
interface Kept {
  runs: NextRun[];
  schedule: string;
  asOfMs: number;
}

const META_KEY = "next-runs";

/**
 * When each scheduled job is due next, the earliest first. It is remembered until one of them is
 * over: time zones cost a start 15 ms, and `status` must answer at once.
 */
export async function nextRuns(
  schedule: ScheduleConfig,
  state: State,
  nowMs: number,
): Promise<NextRun[]> {
  const { weekly, retry, check, backup, drill } = schedule;
  const patterns = [weekly, retry, check, backup, drill];
  if (patterns.every((pattern) => pattern === null)) return [];
  const key = JSON.stringify([schedule.timezone, ...patterns]);
  const kept = readKept(state, key, nowMs);
  if (kept !== null) return kept;
  const { timetable } = await import("../daemon/timetable.ts");
  const runs = timetable(schedule)
    .flatMap(({ job, next }) => {
      const atMs = next(nowMs);
      return atMs === null ? [] : [{ kind: job, at: new Date(atMs).toISOString() }];
    })
    .toSorted((left, right) => left.at.localeCompare(right.at));
  if (runs.length > 0) keep(state, { runs, schedule: key, asOfMs: nowMs });
  return runs;
}

/** The first of them that could deploy or look for something; null where there is none. */
export function firstRun(runs: readonly NextRun[]): NextRun | null {
  return runs.find(({ kind }) => ["weekly", "retry", "check"].includes(kind)) ?? null;
}

/** Only while all lie ahead, and only for the same schedule; a clock set back asks anew. */
function readKept(state: State, schedule: string, nowMs: number): NextRun[] | null {
  const text = readMeta(state, META_KEY);
  if (text === null) return null;
  const kept: Kept = JSON.parse(text);
  const isAhead = kept.runs.every(({ at }) => nowMs < Date.parse(at));
  return kept.schedule === schedule && kept.asOfMs <= nowMs && isAhead ? kept.runs : null;
}

function keep(state: State, kept: Kept): void {
  try {
    writeMeta(state, META_KEY, JSON.stringify(kept));
  } catch (error) {
    // A full disk must not keep anybody from seeing the status.
    if (!isUnwritable(error)) throw error;
  }
}
