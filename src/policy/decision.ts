import type { Digest } from "../values/digest.ts";

/** Why nothing could be decided, or who must decide. */
export type HoldReason =
  | "registry"
  | "pull"
  | "disk-space"
  | "scan"
  | "database"
  | "nothing-analysed"
  | "scanner-denied"
  | "cooldown"
  | "drift"
  | "compose-unreadable"
  | "unsupported"
  | "baseline-unknown"
  | "group"
  | "notify-only"
  | "critical-failed"
  | "quarantined"
  | "never-day"
  | "rollback-failed"
  | "postgres"
  | "postgres-major"
  | "postgres-collation";

/** One rule that spoke, as data; text is made from it. */
export interface Blocker {
  rule: "severity" | "new-risk" | "denied-image";
  severity: "CRITICAL" | "HIGH" | "MEDIUM" | "LOW" | "UNKNOWN" | null;
  /** Finding ids (CVE, GHSA). */
  ids: readonly string[];
}

/** Distinct finding ids by severity, and what the candidate changes against what runs. */
export interface Comparison {
  running: SeverityCounts | null;
  candidate: SeverityCounts;
  fixed: readonly string[];
  new: readonly string[];
  both: readonly string[];
  /** Of all these, the ones that the policy only logs: messages count but do not name them. */
  logged?: readonly string[];
}

export type SeverityCounts = Record<"CRITICAL" | "HIGH" | "MEDIUM" | "LOW" | "UNKNOWN", number>;

export interface AppliedApproval {
  /** The digest or the finding ids that somebody let pass. */
  digest: Digest | null;
  ids: readonly string[];
  reason: string;
  expiresAtMs: number | null;
}

/** What the gate says about a candidate. The reasons are data; `render` makes the text. */
export type Decision =
  | { kind: "pass"; comparison: Comparison | null; approvals: readonly AppliedApproval[] }
  | {
      kind: "warn";
      comparison: Comparison;
      approvals: readonly AppliedApproval[];
      /** Findings named in the notification. */
      named: readonly string[];
    }
  | {
      kind: "block";
      blockers: readonly Blocker[];
      comparison: Comparison | null;
      expiredApprovals: readonly AppliedApproval[];
    }
  | { kind: "hold"; reason: HoldReason; why: string };
