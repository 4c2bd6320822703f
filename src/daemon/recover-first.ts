import { OperatorError } from "../errors.ts";
import { JOBS } from "../policy/jobs.ts";
import { readMark, writeMark } from "../state/schedule-marks.ts";
import type { RunContext } from "../update/context.ts";
import { recover } from "../update/recover-now.ts";
import type { DaemonDeps } from "./daemon-deps.ts";
import { pause } from "./pause.ts";
import { tell } from "./tell.ts";
import { timeText } from "./time-text.ts";

const FIRST_PAUSE_MS = 5_000;
const LONGEST_PAUSE_MS = 5 * 60_000;
/** A run at the prompt may be going on; it has recovered first itself. */
const WAIT_LOCK_MS = 60 * 60_000;

/**
 * Before anything else: what a crash left is finished or rolled back. Where that is not possible
 * yet (the engine is not up), it is tried again until it is: nothing new begins on top of it.
 */
export async function recoverFirst(
  base: RunContext,
  deps: DaemonDeps,
  stop: AbortSignal,
): Promise<void> {
  let pauseMs = FIRST_PAUSE_MS;
  while (!stop.aborted) {
    const context = deps.openContext("full");
    try {
      const report = await recover({ waitLockMs: WAIT_LOCK_MS, settle: false }, context);
      if (report.containers.length > 0) deps.runLines(report).forEach(deps.say);
      tellCutShort(base, deps);
      return;
    } catch (error) {
      if (stop.aborted) return;
      if (!(error instanceof OperatorError)) throw error;
      deps.showError(error);
      deps.say(`Recovery is tried again in ${pauseMs / 1000} s; nothing else begins before it.`);
    } finally {
      await context.close();
    }
    await pause(base.ports.clock, pauseMs, stop);
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
  }
}

/** Scheduled runs that began and did not end: they are not begun again by themselves. */
function tellCutShort(base: RunContext, deps: DaemonDeps): void {
  const { state, config } = base;
  for (const job of JOBS) {
    const mark = readMark(state, job);
    if (mark?.state !== "begun") continue;
    const name = `${job} of ${timeText(mark.dueMs, config.schedule.timezone)}`;
    const text = `${name}: the daemon ended before it did`;
    state.transaction(() => {
      writeMark(state, job, { ...mark, state: "settled" });
      tell(
        {
          subject: job,
          body: `cut short - ${text}.\nWhat was in hand is finished or rolled back; the rest waits for the next time, or for \`pratique ${COMMANDS[job]}\`.`,
        },
        base,
      );
    });
    deps.say(`${text}. It is not begun again by itself.`);
    base.audit.write({ event: "schedule", job, outcome: "cut short" });
  }
}

const COMMANDS = {
  weekly: "weekly",
  retry: "retry",
  check: "check",
  backup: "backup postgres --daily",
  drill: "backup drill",
} as const;
