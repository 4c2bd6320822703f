/**
 * The one place where an end is written down: history, queue, quarantine, what the last discovery
 * knew, and the message about it, in one transaction (I6). A key per operation and event makes a
 * second telling after a crash change nothing.
 */
import type { AppliedApproval, Decision } from "../policy/decision.ts";
import { claimAvailableNotice, saveCandidate } from "../state/candidates.ts";
import { enqueueMessage } from "../state/outbox.ts";
import { liftQuarantine, quarantineDigest, recordFailedAttempt } from "../state/quarantine.ts";
import {
  markQueueNotified,
  notificationKey,
  putInQueue,
  type QueueReason,
  queueEntry,
  removeFromQueue,
} from "../state/queue.ts";
import { listUpdates, recordUpdate } from "../state/updates.ts";
import type { Digest } from "../values/digest.ts";
import type { RunContext } from "./context.ts";
import type { Failure } from "./failure.ts";
import { messageOf, type UpdateEvent } from "./messages.ts";
import { nextTryMs } from "./next-try.ts";
import type { ContainerReport, Outcome } from "./outcome.ts";
import type { UpdateFacts } from "./plan.ts";

/** One container's end, and what only the history keeps. */
export interface Ending {
  report: ContainerReport;
  facts: UpdateFacts;
  /** Image id of the candidate where it was pulled. */
  candidateImageId: string | null;
  kind: "update" | "rollback";
  /** Digests of the image that ran before. */
  formerDigests: readonly Digest[];
  /** What brought a roll back about. */
  failure: Failure | null;
  /** Makes its message unique: operation or run, and container. */
  key: string;
}

/** Records the end of one container's way; joins the caller's transaction. */
export function recordEnding(ending: Ending, runId: string, context: RunContext): void {
  const { state } = context;
  const { report } = ending;
  state.transaction(() => {
    const isRunning = report.outcome.kind === "updated";
    saveCandidate(state, {
      container: report.container,
      reference: report.reference,
      runningImageId: isRunning ? ending.candidateImageId : report.runningImageId,
      runningDigest: isRunning ? report.candidate : report.runningDigest,
      candidate: report.candidate,
      outcome: report.outcome,
      decision: report.decision,
    });
    if (isNotable(report.outcome)) keepHistory(ending, runId, context);
    countAttempts(ending, context);
    tell(ending, context);
    // Neither log nor screen may say what a full disk took back.
    state.afterCommit(() => {
      const { container, outcome } = report;
      context.audit.write({
        event: "outcome",
        run: runId,
        container,
        outcome: outcome.kind,
        report,
      });
      context.progress({ kind: "report", report });
    });
  });
}

/** Tells that a roll back begins; once, also when it is entered again after a crash. */
export function tellRollBackBegins(
  about: { container: string; service: string; key: string },
  { phase, why, evidence }: Failure,
  context: RunContext,
): void {
  const { container, service } = about;
  enqueue(
    { event: "rollback-triggered", container, service, phase, why, evidence },
    about.key,
    context,
  );
}

/** Nothing happened to these: the history is not the place for them. */
function isNotable({ kind }: Outcome): boolean {
  return !["up-to-date", "skipped", "available", "would-update"].includes(kind);
}

function keepHistory(ending: Ending, runId: string, context: RunContext): void {
  const { report, facts } = ending;
  const { state, config } = context;
  // After a crash the same end may be recorded again.
  const known = listUpdates(state, { runId, container: report.container, limit: 1 });
  if (known.length > 0) return;
  const comparison = comparisonOf(facts.decision);
  recordUpdate(state, {
    runId,
    container: report.container,
    service: report.service,
    reference: report.reference,
    outcome: report.outcome,
    from: { digest: report.runningDigest, imageId: report.runningImageId },
    to: { digest: report.candidate, imageId: ending.candidateImageId },
    decision: facts.decision,
    databaseUpdatedAtMs: facts.databaseUpdatedAtMs,
    scannerVersion: facts.scannerVersion,
    policy: config.gate,
    phases: report.phases,
    downtimeMs: report.outcome.kind === "updated" ? report.outcome.downtimeMs : null,
    fixed: comparison?.fixed ?? [],
    new: comparison?.new ?? [],
  });
}

/** Queue and quarantine follow from the outcome alone (DESIGN section 12, I11). */
function countAttempts(
  { report, failure, kind, formerDigests }: Ending,
  { state, config }: RunContext,
): void {
  const { container, candidate, outcome } = report;
  if (outcome.kind === "up-to-date" || outcome.kind === "updated") {
    removeFromQueue(state, container);
    if (outcome.kind === "updated" && candidate !== null)
      liftQuarantine(state, container, candidate);
  }
  if (kind === "rollback") {
    if (outcome.kind !== "updated") return;
    for (const digest of formerDigests) {
      quarantineDigest(state, container, digest, "left by a roll back by hand");
    }
    return;
  }
  const isFailed = outcome.kind === "rolled-back" || outcome.kind === "rollback-failed";
  if (isFailed && candidate !== null) {
    recordFailedAttempt(state, {
      container,
      digest: candidate,
      // A member that went back with its group is not the one that failed.
      verdict: failure?.container === container ? failure.verdict : "unknown",
      why: outcome.why,
      maxAttempts: config.retry.maxAttempts,
    });
  }
  const reason = queueReason(report);
  if (reason === null) return;
  // A registry that is silent today says nothing new about what waits already.
  if (candidate === null && queueEntry(state, container) !== null) return;
  const ids =
    report.decision?.kind === "block" ? report.decision.blockers.flatMap((b) => b.ids) : [];
  putInQueue(state, {
    container,
    reference: report.reference,
    digest: candidate,
    reason,
    ids,
    nextTryMs: nextTryMs(config.schedule, state.now()),
  });
}

function queueReason({ outcome, decision }: ContainerReport): QueueReason | null {
  switch (outcome.kind) {
    case "blocked":
      return { kind: "blocked", why: blockText(decision) };
    case "held":
      return { kind: "held", hold: outcome.reason, why: outcome.why };
    case "rolled-back":
    case "rollback-failed":
    case "failed":
      return { kind: "failed", phase: outcome.phase, why: outcome.why };
    default:
      return null;
  }
}

function blockText(decision: Decision | null): string {
  if (decision?.kind !== "block") return "blocked";
  return decision.blockers
    .map(({ severity, ids }) => `${severity ?? "denied"} ${ids.join(", ")}`.trim())
    .join("; ");
}

function tell(ending: Ending, context: RunContext): void {
  const { state } = context;
  const { container } = ending.report;
  const event = eventOf(ending);
  if (event === null) return;
  if (event.event === "update-available") {
    if (claimAvailableNotice(state, container, event.candidate)) {
      enqueue(event, `available:${container}:${event.candidate}`, context);
    }
    return;
  }
  if (event.event !== "update-blocked" && event.event !== "update-held") {
    enqueue(event, ending.key, context);
    return;
  }
  // The same refusal is told once, however often it is found again.
  const entry = queueEntry(state, container);
  const said = entry === null ? "" : notificationKey(entry);
  if (entry !== null && entry.notifiedKey === said) return;
  enqueue(event, `${ending.key}:${said}`, context);
  markQueueNotified(state, container, said);
}

function eventOf({ report, facts, kind, failure }: Ending): UpdateEvent | null {
  const { container, service, reference, candidate, outcome, decision, followers } = report;
  const about = { container, service, ...(followers === undefined ? {} : { followers }) };
  const evidence = "evidence" in outcome ? outcome.evidence : (failure?.evidence ?? []);
  switch (outcome.kind) {
    case "available":
      if (candidate === null) return null;
      return { ...about, event: "update-available", reference, candidate };
    case "blocked":
      if (candidate === null || decision?.kind !== "block") return null;
      return { ...about, event: "update-blocked", reference, candidate, decision };
    case "held":
      return {
        ...about,
        event: "update-held",
        reference,
        reason: outcome.reason,
        why: outcome.why,
      };
    case "updated":
      return {
        ...about,
        event: "update-success",
        reference,
        from: report.runningDigest ?? report.runningImageId,
        to: candidate ?? "",
        comparison: comparisonOf(facts.decision),
        named: facts.decision?.kind === "warn" ? facts.decision.named : [],
        approvals: approvalsOf(facts.decision),
        downtimeMs: outcome.downtimeMs,
        isRollBack: kind === "rollback",
      };
    case "rolled-back":
    case "failed": {
      const isRolledBack = outcome.kind === "rolled-back";
      const { phase, why } = outcome;
      return { ...about, event: "update-failed", phase, why, evidence, isRolledBack };
    }
    case "rollback-failed":
      return {
        ...about,
        event: "rollback-failed",
        phase: outcome.phase,
        why: outcome.why,
        evidence,
      };
    default:
      return null;
  }
}

function comparisonOf(decision: Decision | null) {
  return decision === null || decision.kind === "hold" ? null : decision.comparison;
}

function approvalsOf(decision: Decision | null): readonly AppliedApproval[] {
  return decision?.kind === "pass" || decision?.kind === "warn" ? decision.approvals : [];
}

function enqueue(event: UpdateEvent, key: string, { config, state }: RunContext): void {
  const { host, notify } = config;
  const message = messageOf(event, { host, notify, key: `${event.event}:${key}` });
  if (message !== null) enqueueMessage(state, message);
}

/** Tells how a whole run went. */
export function tellSummary(
  event: Extract<UpdateEvent, { event: "run-summary" }>,
  runId: string,
  context: RunContext,
): void {
  enqueue(event, runId, context);
}
