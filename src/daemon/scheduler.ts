import { isAhead, whatIsDue } from "../policy/due.ts";
import type { Job } from "../policy/jobs.ts";
import { coveringJob } from "../policy/overlap.ts";
import { removeOldState } from "../state/retention.ts";
import { keepMarksOf, readMark, settleMark, writeMark } from "../state/schedule-marks.ts";
import type { RunContext } from "../update/context.ts";
import type { DaemonDeps } from "./daemon-deps.ts";
import { pause } from "./pause.ts";
import { missed, runScheduled } from "./run-scheduled.ts";
import { timeText } from "./time-text.ts";
import { type TimetableEntry, timetable } from "./timetable.ts";
import type { Worker } from "./worker.ts";

/** Short, so that a machine that was asleep or a clock that was set is noticed soon. */
export const TICK_MS = 5_000;
const TIDY_EVERY_MS = 24 * 3_600_000;

export interface Scheduler {
  /** Ticks until the signal. */
  run(stop: AbortSignal): Promise<void>;
  /** How long ago it last looked at the clock; null before the first time. */
  sinceTickMs(): number | null;
}

interface DueJob {
  entry: TimetableEntry;
  dueMs: number;
}

/** Gives the worker what the schedule says, each time once, also across restarts. */
export function createScheduler(
  worker: Worker,
  base: RunContext,
  deps: DaemonDeps,
  complain: (error: unknown) => void,
): Scheduler {
  const { state, ports, audit, config } = base;
  const { timezone } = config.schedule;
  const entries = timetable(config.schedule).filter((entry) => mayCome(entry));
  /** Jobs whose mark was made by a clock that was far ahead, and since when we know. */
  const aheadSince = new Map<Job, number>();
  let tickedMs: number | null = null;
  let tidiedMs: number | null = null;

  function mayCome({ job, schedule, next }: TimetableEntry): boolean {
    if (next(ports.clock.now()) !== null) return true;
    deps.say(`schedule.${job}: "${schedule}" never comes.`);
    return false;
  }

  function tick(): void {
    const nowMs = ports.clock.now();
    const late: string[] = [];
    const due: DueJob[] = [];
    for (const entry of entries) {
      const found = ask(entry, nowMs);
      const { job, schedule } = entry;
      if (found.kind === "new") {
        writeMark(state, job, { schedule, dueMs: nowMs, state: "settled" });
      } else if (found.kind === "missed" && !isWaiting(job)) {
        settleMark(state, job, { schedule, dueMs: found.dueMs });
        late.push(`${job} of ${timeText(found.dueMs, timezone)}`);
      } else if (found.kind === "due" && !isWaiting(job)) {
        due.push({ entry, dueMs: found.dueMs });
      }
    }
    if (late.length > 0) missed(late, base, deps);
    begin(due);
  }

  function ask(entry: TimetableEntry, nowMs: number) {
    const { job, schedule } = entry;
    const mark = readMark(state, job);
    if (mark === null || !isAhead(mark, nowMs)) aheadSince.delete(job);
    else if (!aheadSince.has(job)) aheadSince.set(job, nowMs);
    const aheadSinceMs = aheadSince.get(job) ?? null;
    return whatIsDue({ schedule, mark, nowMs, aheadSinceMs, lastMs: entry.last(nowMs) });
  }

  /** Waiting in the queue: its mark is made when it begins. */
  function isWaiting(job: Job): boolean {
    return worker.tasks().some((task) => task.job === job && !begun.has(task));
  }

  const begun = new WeakSet<object>();

  function begin(due: readonly DueJob[]): void {
    const jobs = due.map(({ entry }) => entry.job);
    for (const each of due) {
      const { job } = each.entry;
      const others = jobs.filter((other) => other !== job);
      const covering = coveringJob(job, [...jobsAtWork(), ...others]);
      if (covering !== null) cover(each, covering);
      else hand(each);
    }
  }

  function jobsAtWork(): Job[] {
    return worker.tasks().flatMap(({ job }) => (job === null ? [] : [job]));
  }

  function hand({ entry, dueMs }: DueJob): void {
    for (const waiting of worker.tasks()) {
      const { job } = waiting;
      if (job === null || begun.has(waiting) || coveringJob(job, [entry.job]) === null) continue;
      worker.withdraw(waiting);
      deps.say(`${job}: ${entry.job} covers it; no run of its own.`);
    }
    const task = {
      job: entry.job,
      run: async () => {
        begun.add(task);
        await guarded(() => runScheduled(entry, dueMs, base, deps));
      },
    };
    worker.add(task);
  }

  function cover({ entry, dueMs }: DueJob, covering: Job): void {
    const { job, schedule } = entry;
    const isItself = covering === job;
    if (isItself) writeMark(state, job, { schedule, dueMs, state: "begun" });
    else settleMark(state, job, { schedule, dueMs });
    const name = `${job} of ${timeText(dueMs, timezone)}`;
    const why = isItself ? "the one before is still running" : `${covering} covers it`;
    deps.say(`${name}: ${why}; no run of its own.`);
    audit.write({ event: "schedule", job, outcome: `covered by ${covering}` });
  }

  /** Trouble with the state: said, and tried again at the next tick. */
  async function guarded(work: () => Promise<void> | void): Promise<void> {
    try {
      await work();
    } catch (error) {
      complain(error);
    }
  }

  /** Hosts whose runs are rare still lose what is too old. */
  function tidy(): void {
    const now = ports.clock.monotonicMs();
    if (tidiedMs !== null && now - tidiedMs < TIDY_EVERY_MS) return;
    tidiedMs = now;
    removeOldState(state, config.retention);
  }

  function untilNextMs(): number {
    const nowMs = ports.clock.now();
    const next = entries.map((entry) => (entry.next(nowMs) ?? Number.POSITIVE_INFINITY) - nowMs);
    return Math.max(50, Math.min(TICK_MS, ...next));
  }

  return {
    async run(stop) {
      await guarded(() =>
        keepMarksOf(
          state,
          entries.map(({ job }) => job),
        ),
      );
      while (!stop.aborted) {
        await guarded(tick);
        await guarded(tidy);
        tickedMs = ports.clock.monotonicMs();
        await pause(ports.clock, untilNextMs(), stop);
      }
    },
    sinceTickMs: () => (tickedMs === null ? null : ports.clock.monotonicMs() - tickedMs),
  };
}
