import type { Finding, ScanFailure, ScanFailureReason, Severity } from "../ports.ts";
import type { Digest } from "../values/digest.ts";
import { formatDuration } from "../values/duration.ts";
import type { ScannedFindings } from "./compare-findings.ts";
import { bySeverityThenId, compareFindings, SEVERITIES } from "./compare-findings.ts";
import type { AppliedApproval, Blocker, Comparison, Decision, HoldReason } from "./decision.ts";

export type Treatment = "block" | "warn" | "log";

/** `gate:` of the configuration, without the cool-down: that one a service or label may raise. */
export interface GatePolicy {
  mode: "strict" | "no-new-risk";
  critical: Treatment;
  high: Treatment;
  medium: Treatment;
  low: Treatment;
  unknown: Treatment;
  /** Softens findings without a fix; never makes one stricter. */
  unfixed: "same" | "warn" | "log";
  unscannable: "hold" | "allow";
}

export interface GateFacts {
  candidate: ScannedFindings | ScanFailure;
  /** Scanned now, with the same database; null where there is none or the registry lacks it. */
  running: ScannedFindings | ScanFailure | null;
  digest: Digest;
  /** All that somebody approved for this container (or a member of its group). */
  approvals: readonly AppliedApproval[];
  firstSeenMs: number;
  cooldownMs: number;
  /** The digest is on the built-in list of images that carry malware. */
  deniedImage: boolean;
}

/**
 * The gate (DESIGN section 7): pure and total. A refusal outranks a wait, because it tells the
 * operator more; nothing passes that was not scanned (I7), unless `unscannable: allow` says so.
 */
export function decide(facts: GateFacts, policy: GatePolicy, nowMs: number): Decision {
  const comparison = comparisonOf(facts, policy);
  if (facts.deniedImage) return denied(comparison);
  const approvals = sortApprovals(facts, nowMs);
  if (facts.candidate.kind === "unknown") {
    return decideUnscanned(facts.candidate, facts, approvals, policy, nowMs);
  }
  const judged = judge(facts.candidate, facts, policy);
  const blocked = judged.filter(({ treatment }) => treatment === "block");
  const blockers = withoutApproved(blocked, approvals.valid);
  if (blockers.length > 0) {
    return {
      kind: "block",
      blockers: toBlockers(blockers, isComparing(facts, policy) ? "new-risk" : "severity"),
      comparison,
      expiredApprovals: approvals.expired.filter((approval) => covers(approval, blockers)),
    };
  }
  const young = tooYoung(facts, approvals.valid, nowMs);
  if (young !== null) return young;
  const applied = approvals.valid.filter((approval) => covers(approval, blocked));
  const named = judged.filter(({ treatment }) => treatment === "warn").map(({ id }) => id);
  if (named.length === 0 || comparison === null) {
    return { kind: "pass", comparison, approvals: applied };
  }
  return { kind: "warn", comparison, approvals: applied, named };
}

// ---------------------------------------------------------------- without a scan

const HOLD_REASONS: Partial<Record<ScanFailureReason, HoldReason>> = {
  "scanner-denied": "scanner-denied",
  "database-stale": "database",
  "database-age-unknown": "database",
  "nothing-analysed": "nothing-analysed",
};

function decideUnscanned(
  failure: ScanFailure,
  facts: GateFacts,
  approvals: SortedApprovals,
  policy: GatePolicy,
  nowMs: number,
): Decision {
  const ofDigest = approvals.valid.filter(isWholeDigest);
  // Waiting brings no scan of an image in which nothing can be analysed: a person may decide. What
  // else kept the scanner from its work says nothing about the image, and always holds.
  const isScannable = failure.reason !== "nothing-analysed";
  const isAllowed = policy.unscannable === "allow";
  if (isScannable || (!isAllowed && ofDigest.length === 0)) {
    return { kind: "hold", reason: HOLD_REASONS[failure.reason] ?? "scan", why: failure.why };
  }
  const young = tooYoung(facts, approvals.valid, nowMs);
  if (young !== null) return young;
  return { kind: "pass", comparison: null, approvals: isAllowed ? [] : ofDigest };
}

function tooYoung(
  facts: GateFacts,
  approvals: readonly AppliedApproval[],
  nowMs: number,
): Decision | null {
  if (facts.cooldownMs <= 0) return null;
  const leftMs = facts.firstSeenMs + facts.cooldownMs - nowMs;
  if (leftMs <= 0 || approvals.some(isWholeDigest)) return null;
  const why = `first seen ${formatDuration(Math.max(0, nowMs - facts.firstSeenMs))} ago, the cool-down is ${formatDuration(facts.cooldownMs)}`;
  return { kind: "hold", reason: "cooldown", why };
}

function denied(comparison: Comparison | null): Decision {
  const blocker: Blocker = { rule: "denied-image", severity: null, ids: [] };
  return { kind: "block", blockers: [blocker], comparison, expiredApprovals: [] };
}

// ---------------------------------------------------------------- findings

interface JudgedId {
  id: string;
  severity: Severity;
  treatment: Treatment;
}

const STRICTNESS: Record<Treatment, number> = { log: 0, warn: 1, block: 2 };

/** One judgement per distinct id: the strictest of its findings, most severe first. */
function judge(candidate: ScannedFindings, facts: GateFacts, policy: GatePolicy): JudgedId[] {
  const known = isComparing(facts, policy) ? idsOf(facts.running) : new Set<string>();
  const judged = new Map<string, JudgedId>();
  for (const finding of candidate.findings) {
    const strict = treatmentOf(finding, policy);
    // What runs already has this risk: it is named, and never a reason to keep the old image.
    const treatment = strict === "block" && known.has(finding.id) ? "warn" : strict;
    const former = judged.get(finding.id);
    if (former === undefined || isStricter({ ...finding, treatment }, former)) {
      judged.set(finding.id, { id: finding.id, severity: finding.severity, treatment });
    }
  }
  return [...judged.values()].sort((left, right) =>
    bySeverityThenId([left.id, left.severity], [right.id, right.severity]),
  );
}

function treatmentOf(finding: Finding, policy: GatePolicy): Treatment {
  const full = policy[settingOf(finding.severity)];
  if (finding.fixedVersion !== null || policy.unfixed === "same") return full;
  return STRICTNESS[policy.unfixed] < STRICTNESS[full] ? policy.unfixed : full;
}

function settingOf(severity: Severity): "critical" | "high" | "medium" | "low" | "unknown" {
  return severity.toLowerCase() as Lowercase<Severity>;
}

function isStricter(one: Omit<JudgedId, "id">, other: JudgedId): boolean {
  const difference = STRICTNESS[one.treatment] - STRICTNESS[other.treatment];
  if (difference !== 0) return difference > 0;
  return SEVERITIES.indexOf(one.severity) < SEVERITIES.indexOf(other.severity);
}

/** Without a scan of what runs, no-new-risk is strict. */
function isComparing(facts: GateFacts, policy: GatePolicy): boolean {
  return policy.mode === "no-new-risk" && facts.running?.kind === "scanned";
}

function idsOf(scan: GateFacts["running"]): Set<string> {
  return new Set(scan?.kind === "scanned" ? scan.findings.map(({ id }) => id) : []);
}

function comparisonOf({ candidate, running }: GateFacts, policy: GatePolicy): Comparison | null {
  if (candidate.kind !== "scanned") return null;
  const findings = [
    ...candidate.findings,
    ...(running?.kind === "scanned" ? running.findings : []),
  ];
  const logged = loggedIds(findings, policy);
  const comparison = compareFindings(candidate, running);
  return logged.length === 0 ? comparison : { ...comparison, logged };
}

/** Ids of which every finding is only logged. */
function loggedIds(findings: readonly Finding[], policy: GatePolicy): string[] {
  const isLogged = (finding: Finding) => treatmentOf(finding, policy) === "log";
  const told = new Set(findings.filter((finding) => !isLogged(finding)).map(({ id }) => id));
  const logged = findings.filter(isLogged).map(({ id }) => id);
  return [...new Set(logged)].filter((id) => !told.has(id)).sort();
}

function toBlockers(blocked: readonly JudgedId[], rule: "severity" | "new-risk"): Blocker[] {
  return SEVERITIES.flatMap((severity) => {
    const ids = blocked.filter((one) => one.severity === severity).map(({ id }) => id);
    return ids.length === 0 ? [] : [{ rule, severity, ids }];
  });
}

// ---------------------------------------------------------------- approvals

interface SortedApprovals {
  valid: AppliedApproval[];
  expired: AppliedApproval[];
}

/** Approvals that could speak about this digest, by whether they still count. */
function sortApprovals({ approvals, digest }: GateFacts, nowMs: number): SortedApprovals {
  const sorted: SortedApprovals = { valid: [], expired: [] };
  for (const { digest: approved, ids, reason, expiresAtMs } of approvals) {
    // One that names both is for these ids in this digest only: the narrower reading.
    if (approved !== null && approved !== digest) continue;
    const isExpired = expiresAtMs !== null && expiresAtMs <= nowMs;
    const list = isExpired ? sorted.expired : sorted.valid;
    list.push({ digest: approved, ids, reason, expiresAtMs });
  }
  return sorted;
}

function withoutApproved(
  blocked: readonly JudgedId[],
  approvals: readonly AppliedApproval[],
): JudgedId[] {
  return blocked.filter((one) => !approvals.some((approval) => covers(approval, [one])));
}

/** Whether an approval lets any of these pass. */
function covers(approval: AppliedApproval, blocked: readonly { id: string }[]): boolean {
  if (isWholeDigest(approval)) return blocked.length > 0;
  return blocked.some(({ id }) => approval.ids.includes(id));
}

function isWholeDigest({ digest, ids }: AppliedApproval): boolean {
  return digest !== null && ids.length === 0;
}
