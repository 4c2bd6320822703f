import { AssertionError } from "node:assert";
import { outcomeExit } from "../policy/outcome-exit.ts";
import { unfinishedOperations } from "../state/journal.ts";
import { acquireLock, type LockHolder } from "../state/lock.ts";
import { removeOldState } from "../state/retention.ts";
import { beginRun, closeInterruptedRuns, endRun } from "../state/runs.ts";
import type { RunContext } from "./context.ts";
import type { ContainerReport, RunKind, RunReport } from "./outcome.ts";
import { quietly } from "./quietly.ts";
import { tellSummary } from "./record.ts";
import { recoverUnfinished } from "./recover.ts";
import { STAY_MS, sendOutbox } from "./send-outbox.ts";
import { sweepLeftovers } from "./sweep-leftovers.ts";

/** What a run's work came to. */
export interface RunResult {
  containers: ContainerReport[];
  /** Engine, scanner or registry unreachable: exit 4 unless something failed. */
  isEnvironmentMissing: boolean;
  /** Why it ended early, other than by a signal: the engine is away, the state is full. */
  interrupted?: string | null;
}

/** The last that a run writes: nothing else needs the state's reserve after it. */
const ESSENTIAL = { isEssential: true };

/** No scheduled run is lost to another run, unless that one covers it. */
const WORTH_WAITING_MS = 60 * 60_000;
const UNNAMED_MS = 5_000;

/**
 * The frame of every run: the host lock, recovery of what a crash left (every run does this
 * first), the record of the run, its summary and the outbox.
 */
export async function asRun(
  request: { kind: RunKind; dryRun: boolean; waitLockMs: number },
  context: RunContext,
  work: (runId: string) => Promise<RunResult>,
): Promise<RunReport> {
  const { config, state, ports, stop } = context;
  const lock = await acquireLock(config.state, {
    command: request.kind,
    waitMs: request.waitLockMs,
    patience: (holder) => patience(request.kind, holder),
    onWait: (holder) => context.progress({ kind: "note", text: `Waiting for ${holder}` }),
    clock: ports.clock,
    signal: stop,
  });
  try {
    const startedMs = ports.clock.monotonicMs();
    const startedAt = new Date(ports.clock.now()).toISOString();
    const { kind, dryRun } = request;
    // On a full disk only a recovery is worth the state's reserve.
    const need = { isEssential: unfinishedOperations(state).length > 0 };
    const runId = beginRun(state, { kind, host: config.host, dryRun }, need);
    closeInterruptedRuns(state, runId, "the process ended before the run did", need);
    context.audit.write({ event: "run", run: runId, kind, outcome: "begins" });
    const recovered = await recoverUnfinished(context);
    await sweepLeftovers(context);
    const result = await untilStopped(() => work(runId), stop);
    const containers = [...recovered, ...result.containers];
    const report: RunReport = {
      schema: 1,
      run: runId,
      kind,
      host: config.host,
      dryRun,
      startedAt,
      durationMs: Math.round(ports.clock.monotonicMs() - startedMs),
      containers,
      interrupted: stop.aborted ? stopText(stop) : (result.interrupted ?? null),
      exitCode: outcomeExit(containers, { ...result, isStopped: stop.aborted }),
    };
    // What was done is done: a full disk takes neither the report nor the exit code with it.
    await quietly(context, async () => end(report, context));
    await quietly(context, async () => void removeOldState(state, config.retention));
    // Waiting for ntfy keeps nobody else from running.
    lock.release();
    await sendOutbox(context, context.outboxStayMs ?? STAY_MS);
    return report;
  } finally {
    lock.release();
  }
}

/** Work that was told to stop ends with what it has; everything else is thrown on. */
async function untilStopped(work: () => Promise<RunResult>, stop: AbortSignal): Promise<RunResult> {
  try {
    return await work();
  } catch (error) {
    if (!stop.aborted || error instanceof AssertionError) throw error;
    return { containers: [], isEnvironmentMissing: false };
  }
}

function stopText({ reason }: AbortSignal): string {
  return reason instanceof Error ? reason.message : String(reason);
}

/**
 * A weekly run waits for every other; a retry only for what is no update, because the others cover
 * it or a person started them. One that just began has no name yet.
 */
function patience(kind: RunKind, holder: LockHolder | null): number {
  if (kind !== "weekly" && kind !== "retry") return 0;
  if (holder === null) return UNNAMED_MS;
  const { command } = holder;
  const isWorth =
    kind === "weekly" ? command !== "weekly" : /^(backup|drill|recover)$/.test(command);
  return isWorth ? WORTH_WAITING_MS : 0;
}

function end(report: RunReport, context: RunContext): void {
  const { run, kind, durationMs, containers, interrupted, exitCode } = report;
  context.state.transaction(() => {
    endRun(context.state, report);
    if (!isWorthTelling(report)) return;
    const { problems } = context.state;
    const event = { kind, containers, durationMs, interrupted, problems };
    tellSummary({ event: "run-summary", ...event }, run, context);
  }, ESSENTIAL);
  context.audit.write({ event: "run", run, kind, outcome: `exit ${exitCode}`, durationMs });
}

/** A weekly run always reports; the others only when they did something. */
function isWorthTelling({ kind, dryRun, containers, interrupted }: RunReport): boolean {
  if (dryRun) return false;
  if (kind === "weekly" || interrupted !== null) return true;
  return (
    kind === "retry" &&
    containers.some(({ outcome }) =>
      ["updated", "rolled-back", "rollback-failed", "failed"].includes(outcome.kind),
    )
  );
}
