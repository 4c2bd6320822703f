/** What each scheduled job does: the same as its command, under the same lock. */

import { DUMP_FAILED } from "../errors.ts";
import type { Job } from "../policy/jobs.ts";
import { backUpNow } from "../postgres/back-up-now.ts";
import { drillNow } from "../postgres/drill.ts";
import { withHostLock } from "../postgres/with-host-lock.ts";
import type { RunContext } from "../update/context.ts";
import type { RunReport } from "../update/outcome.ts";
import { runCycle } from "../update/run-cycle.ts";
import { formatDuration } from "../values/duration.ts";

/** Somebody's run at the prompt may hold the lock; longer than this is worth a message. */
const WAIT_LOCK_MS = 60 * 60_000;

type JobWork = (
  context: RunContext,
  runLines: (report: RunReport) => string[],
) => Promise<string[]>;

const WORK: Readonly<Record<Job, JobWork>> = {
  weekly: cycle("weekly"),
  retry: cycle("retry"),
  check: cycle("check"),
  backup: async (context) => {
    const request = { occasion: "daily", perDatabase: false, waitLockMs: WAIT_LOCK_MS } as const;
    const { dumps, removed, failed } = await backUpNow(request, context);
    const names = dumps.map(({ path }) => path).join(", ");
    if (failed.length > 0) {
      const containers = failed.map(({ container }) => container).join(", ");
      const reasons = failed.map(({ why }) => why).join("; ");
      throw DUMP_FAILED(containers, `${reasons}; made: ${names}`);
    }
    const dropped = removed.length === 0 ? "" : `; ${removed.length} old removed`;
    return [`backup: ${names || "no PostgreSQL server runs"}${dropped}.`];
  },
  drill: async (context) => {
    const frame = { command: "drill", waitLockMs: WAIT_LOCK_MS };
    const report = await withHostLock(frame, context, () => drillNow(null, context));
    const { path, databases, rows, durationMs } = report;
    const took = formatDuration(durationMs);
    return [`drill: ${path}: databases ${databases}, rows ${rows}, all there, in ${took}.`];
  },
};

/** Does the job and gives lines about what came of it. Throws as its command does. */
export async function doJob(
  job: Job,
  context: RunContext,
  runLines: (report: RunReport) => string[],
): Promise<string[]> {
  return await WORK[job](context, runLines);
}

function cycle(kind: "weekly" | "retry" | "check"): JobWork {
  return async (context, runLines) => {
    const request = { kind, containers: null, dryRun: false, waitLockMs: WAIT_LOCK_MS };
    return runLines(await runCycle(request, context));
  };
}
