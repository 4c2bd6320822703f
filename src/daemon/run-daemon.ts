/** `pratique serve`: from the lock to the last message. */
import { DAEMON_RUNNING, isError, LOCKED } from "../errors.ts";
import { acquireLock, lockHolder } from "../state/lock.ts";
import type { WiredContext } from "../wire.ts";
import { createComplaints } from "./complaints.ts";
import type { DaemonDeps } from "./daemon-deps.ts";
import { keepSending, sendWhatIsDue } from "./keep-sending.ts";
import { recoverFirst } from "./recover-first.ts";
import { createScheduler } from "./scheduler.ts";
import { createWorker } from "./worker.ts";

/** An update's own limits are shorter; what is left after this is recovered at the next start. */
const LONGEST_GOODBYE_MS = 30 * 60_000;

/** Runs until the signal; then what is in hand is finished or rolled back. */
export async function runDaemon(deps: DaemonDeps): Promise<void> {
  const base = deps.openContext("full");
  try {
    const lock = await lockDaemon(base);
    try {
      await serveUntilStopped(base, deps);
    } finally {
      lock.release();
    }
  } finally {
    await base.close();
  }
}

async function serveUntilStopped(base: WiredContext, deps: DaemonDeps): Promise<void> {
  const complain = createComplaints(base.ports.clock, deps.showError);
  const worker = createWorker();
  const scheduler = createScheduler(worker, base, deps, complain);
  deps.say(`pratique serves ${base.config.host}.`);
  base.audit.write({ event: "daemon", outcome: "begins" });
  await endInTime(base, deps, () =>
    untilAllEnd(deps.stop, [
      (stop) => keepSending(base, deps, stop, complain),
      async (stop) => {
        await recoverFirst(base, deps, stop);
        await scheduler.run(stop);
      },
      (stop) => worker.work(stop),
    ]),
  );
  await sendWhatIsDue(base, deps).catch(complain);
  base.audit.write({ event: "daemon", outcome: "ends" });
  deps.say("Ended.");
}

async function lockDaemon(base: WiredContext) {
  const { config, ports } = base;
  const request = { command: "serve", waitMs: 0, clock: ports.clock, name: "daemon" } as const;
  try {
    return await acquireLock(config.state, request);
  } catch (error) {
    if (!isError(error, LOCKED)) throw error;
    const holder = lockHolder(config.state, "daemon");
    throw DAEMON_RUNNING(config.state, holder === null || holder === "unknown" ? null : holder.pid);
  }
}

/** When one part fails, the others end as at a signal; the first failure is thrown. */
async function untilAllEnd(
  stop: AbortSignal,
  parts: readonly ((stop: AbortSignal) => Promise<void>)[],
): Promise<void> {
  const failed = new AbortController();
  const either = AbortSignal.any([stop, failed.signal]);
  const ended = await Promise.allSettled(
    parts.map(async (part) => {
      try {
        await part(either);
      } catch (error) {
        failed.abort(error);
        throw error;
      }
    }),
  );
  const first = ended.find((end) => end.status === "rejected");
  if (first !== undefined) throw failed.signal.reason;
}

/** Bounds how long the work may go on after the signal. */
async function endInTime(
  { ports }: WiredContext,
  deps: DaemonDeps,
  work: () => Promise<void>,
): Promise<void> {
  const ended = new AbortController();
  const limit = () => {
    ports.clock.sleep(LONGEST_GOODBYE_MS, ended.signal).then(deps.endNow, () => {});
  };
  deps.stop.addEventListener("abort", limit, { once: true });
  try {
    await work();
  } finally {
    deps.stop.removeEventListener("abort", limit);
    ended.abort();
  }
}
