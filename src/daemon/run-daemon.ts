/** `pratique serve`: from the lock to the last message. */
import { DAEMON_RUNNING, isError, LOCKED } from "../errors.ts";
import { createApp } from "../http/app.ts";
import { startServer } from "../http/server.ts";
import { acquireLock, lockHolder } from "../state/lock.ts";
import type { WiredContext } from "../wire.ts";
import { createComplaints } from "./complaints.ts";
import type { DaemonDeps } from "./daemon-deps.ts";
import { createHints } from "./hints.ts";
import { keepSending, sendWhatIsDue } from "./keep-sending.ts";
import { createReadiness } from "./readiness.ts";
import { recoverFirst } from "./recover-first.ts";
import { createScheduler, type Scheduler } from "./scheduler.ts";
import { createWorker, type Worker } from "./worker.ts";

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
  const readiness = createReadiness(base, scheduler);
  const hints = createHints(worker, base, deps, complain);
  const { http } = base.config;
  const app = createApp({ http, readiness, hint: hints.add, showError: deps.showError });
  const server = await startServer(app, http.bind);
  try {
    deps.say(`pratique serves ${base.config.host} on http://${server.address}.`);
    base.audit.write({ event: "daemon", outcome: "begins" });
    await endInTime(base, deps, () => workUntilStopped(worker, scheduler, base, deps, complain));
    await sendWhatIsDue(base, deps).catch(complain);
    base.audit.write({ event: "daemon", outcome: "ends" });
    deps.say("Ended.");
  } finally {
    await server.close();
  }
}

/** Messages leave at once; everything else waits until what a crash left is settled. */
async function workUntilStopped(
  worker: Worker,
  scheduler: Scheduler,
  base: WiredContext,
  deps: DaemonDeps,
  complain: (error: unknown) => void,
): Promise<void> {
  let recovered: Promise<void> | null = null;
  const afterRecovery = async (stop: AbortSignal) => {
    recovered ??= recoverFirst(base, deps, stop);
    await recovered;
  };
  await untilAllEnd(deps.stop, [
    async (stop) => await keepSending(base, deps, stop, complain),
    async (stop) => {
      await afterRecovery(stop);
      await scheduler.run(stop);
    },
    async (stop) => {
      await afterRecovery(stop);
      await worker.work(stop);
    },
  ]);
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
