import pLimit from "p-limit";
import { CONTAINER_UNKNOWN, OperatorError } from "../errors.ts";
import { keepCandidatesOf } from "../state/candidates.ts";
import { listQueue, removeFromQueue } from "../state/queue.ts";
import { nearest } from "../values/nearest.ts";
import { carryOut } from "./carry-out.ts";
import type { RunContext } from "./context.ts";
import { inDeploymentOrder } from "./deployment-order.ts";
import { type Discovery, discover, settledReport } from "./discover.ts";
import type { Group } from "./group.ts";
import { type InventoryItem, takeInventory } from "./inventory.ts";
import type { ContainerReport, RunKind, RunReport } from "./outcome.ts";
import { prepareUpdate } from "./prepare-update.ts";
import type { Prepared } from "./prepared.ts";
import { recordSettled } from "./record-settled.ts";
import { orHeld, type Refusal } from "./refusal.ts";
import { asRun, type RunResult } from "./run.ts";
import { isScannerMissing } from "./scan.ts";
import { Steps } from "./steps.ts";

export interface RunRequest {
  kind: RunKind;
  /** Null: every watched container; `retry` takes those that wait in the queue. */
  containers: string[] | null;
  dryRun: boolean;
  /** How long to wait for another run's lock. */
  waitLockMs: number;
}

/**
 * One run of `weekly`, `retry`, `update` or `check`: discover everything, pull, scan and decide
 * ahead in parallel, then deploy one group at a time in order.
 */
export async function runCycle(request: RunRequest, context: RunContext): Promise<RunReport> {
  return await asRun(request, context, async (runId) => {
    const items = await takeInventory(context);
    const names = wantedNames(request, items, context);
    const found = await discover(items, { names, isByHand: request.kind === "update" }, context);
    const isRetry = request.kind === "retry";
    if (!request.dryRun) forgetAbsent(items, context);
    if (request.dryRun) tellOnly(found.reports, context);
    else recordSettled(found.reports, runId, context);
    if (request.kind === "check") return checked(found, runId, context);

    const prepared = await prepareAll(
      found.groups,
      { ...request, runId, scanFirst: isRetry },
      context,
    );
    const reports = [...found.reports];
    let hasCriticalFailed = false;
    const touched = new Set<string>();
    let lost: OperatorError | null = null;
    for (const each of inDeploymentOrder(prepared, items, context)) {
      if (context.stop.aborted || lost !== null) break;
      try {
        const options = { ...request, runId, hasCriticalFailed, touched };
        const results = await carryOut(each, options, context);
        for (const { container, outcome, followers = [] } of results) {
          if (wasBegun(outcome)) for (const name of [container, ...followers]) touched.add(name);
        }
        hasCriticalFailed ||= results.some((report) => isCriticalFailure(report, context));
        reports.push(...results);
      } catch (error) {
        // Engine or state are gone: what is done so far still gets its report and summary.
        if (!(error instanceof OperatorError)) throw error;
        lost = error;
      }
    }
    const isEnvironmentMissing =
      lost !== null ||
      found.isRegistryMissing ||
      prepared.some(({ scans }) => scans !== null && isScannerMissing(scans.candidate));
    return { containers: reports, isEnvironmentMissing, interrupted: lost?.message ?? null };
  });
}

/** What is known of containers that are no longer there helps nobody. */
function forgetAbsent(items: readonly InventoryItem[], { state }: RunContext): void {
  const present = items.map(({ container }) => container);
  keepCandidatesOf(state, present);
  for (const { container } of listQueue(state)) {
    if (!present.includes(container)) removeFromQueue(state, container);
  }
}

/** A dry run shows what it found and keeps none of it: no queue, no message. */
function tellOnly(reports: readonly ContainerReport[], { progress }: RunContext): void {
  for (const report of reports) progress({ kind: "report", report });
}

/** Pull and scan run ahead of the deployments, as many at once as the scanner may have. */
async function prepareAll(
  groups: readonly Group[],
  options: { runId: string; dryRun: boolean; scanFirst: boolean },
  context: RunContext,
): Promise<Prepared[]> {
  const limit = pLimit(context.config.scanner.parallel);
  const lost: unknown[] = [];
  const prepared = await Promise.all(
    groups.map((group) =>
      limit(async () => {
        if (context.stop.aborted || lost.length > 0) return null;
        try {
          const prepared = await orHeld(() => prepareUpdate(group, options, context));
          if ("group" in prepared) return prepared;
          return context.stop.aborted ? null : heldBy(prepared, group, options.runId, context);
        } catch (error) {
          // A pull or scan that was told to stop is not a fault of anything.
          if (context.stop.aborted) return null;
          // Thrown only when all that is under way is over: nothing may outlive the lock.
          lost.push(error);
          return null;
        }
      }),
    ),
  );
  if (lost.length > 0) throw lost[0];
  return prepared.filter((each) => each !== null);
}

function heldBy(end: Refusal, group: Group, runId: string, context: RunContext): Prepared {
  const steps = new Steps(group, runId, context);
  return { group, steps, scans: null, gate: null, pulled: null, end };
}

/** `check` looks and tells; it prepares nothing. */
function checked(found: Discovery, runId: string, context: RunContext): RunResult {
  const available = found.groups.flatMap(({ members, candidate }) =>
    members.map((member) => settledReport(member, { kind: "available" }, candidate)),
  );
  recordSettled(available, runId, context);
  const containers = [...found.reports, ...available];
  return { containers, isEnvironmentMissing: found.isRegistryMissing };
}

function wantedNames(
  request: RunRequest,
  items: readonly InventoryItem[],
  { state }: RunContext,
): Set<string> | null {
  if (request.kind === "retry") return new Set(listQueue(state).map(({ container }) => container));
  if (request.containers === null) return null;
  return new Set(request.containers.map((name) => containerNamed(name, items).container));
}

/** The container of this name, or of the service with this key. Throws CONTAINER_UNKNOWN. */
export function containerNamed(name: string, items: readonly InventoryItem[]): InventoryItem {
  const item =
    items.find(({ container }) => container === name) ??
    items.find(({ service }) => service === name);
  if (item !== undefined) return item;
  throw CONTAINER_UNKNOWN(
    name,
    nearest(
      name,
      items.map(({ container }) => container),
    ),
  );
}

/** Containers may have been replaced. */
function wasBegun({ kind }: ContainerReport["outcome"]): boolean {
  return ["updated", "rolled-back", "rollback-failed", "failed"].includes(kind);
}

function isCriticalFailure(
  { container, service, outcome }: ContainerReport,
  { config }: RunContext,
) {
  const isCritical = config.critical.includes(service) || config.critical.includes(container);
  return isCritical && ["rolled-back", "rollback-failed", "failed"].includes(outcome.kind);
}
