import type { ContainerStatus, StatusReport } from "../cli/reports.ts";
import { isNamed, namespaceOwner } from "../policy/namespaces.ts";
import { countBackups } from "../state/backups.ts";
import { type KnownCandidate, listCandidates } from "../state/candidates.ts";
import { operationSteps, unfinishedOperations } from "../state/journal.ts";
import { type LockHolder, lockHolder } from "../state/lock.ts";
import { pendingCount } from "../state/outbox.ts";
import { listQueue } from "../state/queue.ts";
import { lastUpdates } from "../state/updates.ts";
import type { RunContext } from "./context.ts";
import { type Glance, takeGlance } from "./inventory.ts";
import { firstRun, nextRuns } from "./next-run.ts";

/** `pratique status`: what runs now, what the last run knew, what waits. Changes nothing. */
export async function overview(context: RunContext): Promise<StatusReport> {
  const { config, state, ports } = context;
  const [items, runs] = await Promise.all([
    takeGlance(context),
    nextRuns(config.schedule, state, ports.clock.now()),
  ]);
  const holder = lockHolder(config.state);
  const unfinished = unfinishedOperations(state).flatMap(({ id, containers, openedAtMs }) => {
    const phase = operationSteps(state, id).at(-1)?.phase ?? "back-up";
    return containers.map((container) => ({ container, phase, since: iso(openedAtMs) }));
  });
  return {
    schema: 1,
    host: config.host,
    at: iso(ports.clock.now()),
    running: described(holder),
    daemon: described(lockHolder(config.state, "daemon")),
    unfinished,
    nextRun: firstRun(runs),
    nextRuns: runs,
    undelivered: pendingCount(state),
    containers: describeAll(items, context),
  };
}

function described(holder: LockHolder | "unknown" | null): StatusReport["running"] {
  if (holder === null || holder === "unknown") return holder;
  return { pid: holder.pid, command: holder.command, since: iso(holder.sinceMs) };
}

function describeAll(items: readonly Glance[], { state }: RunContext): ContainerStatus[] {
  const candidates = new Map(listCandidates(state).map((known) => [known.container, known]));
  const queue = new Map(listQueue(state).map((entry) => [entry.container, entry]));
  const updates = lastUpdates(state);
  const backups = countBackups(state);
  return items.map((item) => {
    const { container, watch } = item;
    const known = knownNow(item, candidates.get(container));
    const last = updates.get(container);
    return {
      container,
      service: item.service,
      reference: item.image,
      state: item.state,
      runningImageId: item.imageId,
      runningDigest: item.runningDigests[0] ?? null,
      candidate: known?.candidate ?? null,
      skipped: watch.kind === "skipped" ? watch.why : null,
      recreatedWith: parentOf(item, items),
      decision: known?.decision ?? null,
      queue: queue.get(container) ?? null,
      lastUpdate: last === undefined ? null : { at: iso(last.atMs), outcome: last.outcome.kind },
      backups: backups.get(container) ?? 0,
    };
  });
}

/** The container in whose network it lives; what an update of that one means for it, too. */
function parentOf({ networkMode }: Glance, items: readonly Glance[]): string | null {
  const owner = namespaceOwner(networkMode);
  if (owner === null) return null;
  const isOwner = ({ container: name, containerId: id }: Glance) => isNamed({ id, name }, owner);
  return items.find(isOwner)?.container ?? null;
}

/** What the last run knew counts only while the container still has the same reference. */
function knownNow({ image }: Glance, known: KnownCandidate | undefined): KnownCandidate | null {
  return known?.reference === image ? known : null;
}

function iso(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
