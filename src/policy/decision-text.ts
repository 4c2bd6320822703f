import { shortDigest } from "../values/digest.ts";
import { SEVERITIES } from "./compare-findings.ts";
import type {
  AppliedApproval,
  Blocker,
  Comparison,
  HoldReason,
  SeverityCounts,
} from "./decision.ts";

const LONGEST_LIST = 8;

/** `2 CRITICAL: CVE-1, CVE-2; 1 new HIGH: CVE-3`. */
export function blockersText(blockers: readonly Blocker[]): string {
  return blockers
    .map(({ rule, severity, ids }) => {
      if (rule === "denied-image") return "the image is on the list of images that carry malware";
      const isNew = rule === "new-risk" ? "new " : "";
      return `${ids.length} ${isNew}${severity ?? "findings"}: ${idsText(ids)}`;
    })
    .join("; ");
}

/** `running: 14 HIGH, candidate: 3 HIGH, 11 fixed, 0 new`. */
export function comparisonText(comparison: Comparison): string {
  const candidate = `candidate: ${countsText(comparison.candidate)}`;
  if (comparison.running === null) return `running: not scanned, ${candidate}`;
  const change = `${comparison.fixed.length} fixed, ${comparison.new.length} new`;
  return `running: ${countsText(comparison.running)}, ${candidate}, ${change}`;
}

/** `11 fixed, 0 new`: the comparison where there is no room for both sides. */
export function changeText({ running, fixed, new: added }: Comparison): string {
  return running === null
    ? "what runs was not scanned"
    : `${fixed.length} fixed, ${added.length} new`;
}

/**
 * Whether what runs has more of the worst severity in which the two differ: then keeping it is the
 * greater risk, and the operator should see that (DESIGN section 7).
 */
export function isKeepingWorse({ running, candidate }: Comparison): boolean {
  if (running === null) return false;
  const worst = (["CRITICAL", "HIGH"] as const).find(
    (severity) => running[severity] !== candidate[severity],
  );
  return worst !== undefined && running[worst] > candidate[worst];
}

/** `1 CRITICAL, 14 HIGH`; `no findings`. */
export function countsText(counts: SeverityCounts): string {
  const parts = SEVERITIES.filter((severity) => counts[severity] > 0).map(
    (severity) => `${counts[severity]} ${severity}`,
  );
  return parts.length === 0 ? "no findings" : parts.join(", ");
}

/** The first ids, and how many more there are. */
export function idsText(ids: readonly string[], longest = LONGEST_LIST): string {
  const shown = ids.slice(0, longest).join(", ");
  return ids.length > longest ? `${shown} and ${ids.length - longest} more` : shown;
}

/** `approved (reason), until 2026-01-31`, one for each approval that let something pass. */
export function approvalText({ digest, ids, reason, expiresAtMs }: AppliedApproval): string {
  const what = ids.length > 0 ? idsText(ids) : digest === null ? "" : shortDigest(digest);
  const until =
    expiresAtMs === null ? "" : `, until ${new Date(expiresAtMs).toISOString().slice(0, 10)}`;
  return `approved: ${what} (${reason})${until}`;
}

const HOLDS: Record<HoldReason, string> = {
  registry: "the registry gave no digest",
  pull: "the image could not be pulled",
  "disk-space": "there is too little disk space",
  scan: "the scan failed",
  database: "the vulnerability database is too old or its age is unknown",
  "nothing-analysed": "the scanner found nothing that it could analyse",
  "scanner-denied": "the scanner itself is on the deny list",
  cooldown: "the image is too young",
  drift: "the compose files differ from what runs",
  "compose-unreadable": "the compose files cannot be read here",
  unsupported: "the container cannot be recreated safely",
  "baseline-unknown": "nobody could tell afterwards whether the service is healthy",
  group: "another container with the same image reference is held",
  "notify-only": "this container is only watched",
  "critical-failed": "a critical update of this run failed",
  quarantined: "earlier updates to this image failed",
  "never-day": "nothing is deployed today",
  "rollback-failed": "an earlier roll back failed and waits for a person",
  postgres: "the database cannot be updated safely as it is",
  "postgres-major": "another major version needs a dump and a restore",
  "postgres-collation": "the order of texts may change under the indexes",
};

/** What a hold is about, in words. */
export function holdText(reason: HoldReason): string {
  return HOLDS[reason];
}
