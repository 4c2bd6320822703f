import { LATEST_MS } from "../policy/due.ts";
import { JOBS } from "../policy/jobs.ts";
import { coveringJob } from "../policy/overlap.ts";
import { lockHolder } from "../state/lock.ts";
import { settleMark, writeMark } from "../state/schedule-marks.ts";
import type { RunContext } from "../update/context.ts";
import { formatDuration } from "../values/duration.ts";
import type { DaemonDeps } from "./daemon-deps.ts";
import { doJob } from "./do-job.ts";
import { failureText, tell } from "./tell.ts";
import { timeText } from "./time-text.ts";
import type { TimetableEntry } from "./timetable.ts";

/** A tick comes at most this late; more is worth saying. */
const PUNCTUAL_MS = 2 * 60_000;

/**
 * One job that is due: recorded as begun first, so that no crash repeats it, then done. Whatever
 * goes wrong is told and ends nothing else.
 */
export async function runScheduled(
  entry: TimetableEntry,
  firstDueMs: number,
  base: RunContext,
  deps: DaemonDeps,
): Promise<void> {
  const { job, schedule } = entry;
  const { state, audit, ports, config } = base;
  const nowMs = ports.clock.now();
  // It may have waited for another job so long that its next time has come meanwhile.
  const dueMs = Math.max(firstDueMs, entry.last(nowMs) ?? 0);
  const name = `${job} of ${timeText(dueMs, config.schedule.timezone)}`;
  const settle = () => settleMark(state, job, { schedule, dueMs });
  if (nowMs - dueMs > LATEST_MS) {
    settle();
    missed([name], base, deps);
    return;
  }
  const covering = coveredElsewhere(job, config.state);
  if (covering !== null) {
    settle();
    deps.say(`${name}: ${covering} is running already and covers it; no run of its own.`);
    audit.write({ event: "schedule", job, outcome: `covered by ${covering}` });
    return;
  }
  writeMark(state, job, { schedule, dueMs, state: "begun" });
  const lateMs = nowMs - dueMs;
  const late = lateMs > PUNCTUAL_MS ? `, ${formatDuration(lateMs)} late` : "";
  deps.say(`${name} begins${late}.`);
  audit.write({ event: "schedule", job, outcome: `begins${late}` });
  const context = deps.openContext("full");
  try {
    const lines = await doJob(job, context, deps.runLines);
    settle();
    lines.forEach(deps.say);
  } catch (error) {
    // Told to stop in the middle: the next start says that it was cut short.
    if (deps.stop.aborted) return;
    settle();
    deps.showError(error);
    audit.write({ event: "schedule", job, outcome: `failed: ${failureText(error)}` });
    tell({ subject: job, body: `failed - ${name}: ${failureText(error)}` }, base);
  } finally {
    await context.close();
  }
}

/** A run that somebody else has started and that does this job's work too; null if none. */
function coveredElsewhere(job: TimetableEntry["job"], folder: string): string | null {
  const holder = lockHolder(folder);
  const running =
    holder === null || holder === "unknown" ? [] : JOBS.filter((each) => each === holder.command);
  return coveringJob(job, running);
}

/** Runs that will not happen any more. */
export function missed(names: readonly string[], base: RunContext, deps: DaemonDeps): void {
  const limit = formatDuration(LATEST_MS);
  const text = `${names.join(", ")}: the time passed more than ${limit} ago; nothing was done`;
  deps.say(`missed: ${text}.`);
  base.audit.write({ event: "schedule", outcome: "missed", runs: names });
  tell(
    {
      subject: "schedule",
      body: `missed - ${text}, because the daemon or this machine was not up.\nTo make up for it: the command of the same name, such as \`pratique weekly\`.`,
    },
    base,
  );
}
