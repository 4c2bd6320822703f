/** Words for a decision. The reasons are data; every text about them is made here. */
import type {
  AppliedApproval,
  Blocker,
  Comparison,
  Decision,
  HoldReason,
  SeverityCounts,
} from "../../policy/decision.ts";
import { shortDigest } from "../../values/digest.ts";
import type { Tone } from "./style.ts";
import { localTime } from "./time.ts";

const SEVERITIES = ["CRITICAL", "HIGH", "MEDIUM", "LOW", "UNKNOWN"] as const;

/** How many finding ids a line names before it says how many more there are. */
const NAMED_IDS = 8;

/** PASS, WARN, BLOCKED or HELD: the word that stands for the decision everywhere. */
export function decisionWord(decision: Decision): "PASS" | "WARN" | "BLOCKED" | "HELD" {
  const words = { pass: "PASS", warn: "WARN", block: "BLOCKED", hold: "HELD" } as const;
  return words[decision.kind];
}

export function decisionTone(decision: Decision | null): Tone {
  if (decision === null) return "plain";
  const tones = { pass: "good", warn: "warning", block: "bad", hold: "warning" } as const;
  return tones[decision.kind];
}

/** The whole decision: the word with its reason, the comparison, approvals. */
export function decisionLines(decision: Decision): string[] {
  const word = decisionWord(decision);
  switch (decision.kind) {
    case "pass":
      return [
        word,
        ...comparisonLines(decision.comparison),
        ...decision.approvals.map((approval) => `approved: ${approvalText(approval)}`),
      ];
    case "warn":
      return [
        `${word}: passes, named: ${idsText(decision.named)}`,
        ...comparisonLines(decision.comparison),
        ...decision.approvals.map((approval) => `approved: ${approvalText(approval)}`),
      ];
    case "block":
      return [
        `${word}: ${decision.blockers.map(blockerText).join("; ")}`,
        ...comparisonLines(decision.comparison),
        ...decision.expiredApprovals.map(
          (approval) => `an approval no longer counts: ${approvalText(approval)}`,
        ),
      ];
    case "hold":
      return [`${word} (${holdText(decision.reason)}): ${decision.why}`];
  }
}

/** The decision in one line: `BLOCKED: 3 HIGH; running: 14 HIGH, candidate: 3 HIGH, 0 new`. */
export function decisionSummary(decision: Decision): string {
  if (decision.kind === "hold") return decisionLines(decision)[0] ?? "";
  const reason =
    decision.kind === "block" ? `: ${decision.blockers.map(blockerSummary).join(", ")}` : "";
  const comparison = decision.comparison === null ? "" : `; ${comparisonText(decision.comparison)}`;
  return `${decisionWord(decision)}${reason}${comparison}`;
}

/**
 * What the candidate has against what runs, so that the operator sees when refusing the update is
 * the greater risk (DESIGN section 7).
 */
export function comparisonText(comparison: Comparison): string {
  const running =
    comparison.running === null
      ? "running: not scanned"
      : `running: ${countsText(comparison.running)}`;
  const change =
    comparison.running === null
      ? ""
      : `, ${comparison.fixed.length} fixed, ${comparison.new.length} new`;
  return `${running}, candidate: ${countsText(comparison.candidate)}${change}`;
}

function comparisonLines(comparison: Comparison | null): string[] {
  if (comparison === null) return [];
  const lines = [comparisonText(comparison)];
  if (comparison.running !== null && comparison.new.length > 0) {
    lines.push(`new: ${idsText(comparison.new)}`);
  }
  const { running, candidate } = comparison;
  if (running !== null && isGreaterRisk(running, candidate)) {
    lines.push("what runs now is worse than the candidate: not updating is the greater risk");
  }
  return lines;
}

/** Whether what runs has more of the worst severity in which the two differ. */
function isGreaterRisk(running: SeverityCounts, candidate: SeverityCounts): boolean {
  const worst = (["CRITICAL", "HIGH"] as const).find(
    (severity) => running[severity] !== candidate[severity],
  );
  return worst !== undefined && running[worst] > candidate[worst];
}

/** `2 CRITICAL, 14 HIGH`; `no findings`. */
export function countsText(counts: SeverityCounts): string {
  const parts = SEVERITIES.filter((severity) => counts[severity] > 0).map(
    (severity) => `${counts[severity]} ${severity}`,
  );
  return parts.length === 0 ? "no findings" : parts.join(", ");
}

function blockerSummary(blocker: Blocker): string {
  if (blocker.rule === "denied-image") return "the image is on the deny list";
  const what = `${blocker.ids.length} ${blocker.severity ?? "findings"}`;
  return blocker.rule === "new-risk" ? `${what} new` : what;
}

function blockerText(blocker: Blocker): string {
  const summary = blockerSummary(blocker);
  return blocker.rule === "denied-image" ? summary : `${summary} (${idsText(blocker.ids)})`;
}

/** The first ids, and how many more. */
export function idsText(ids: readonly string[]): string {
  const more = ids.length > NAMED_IDS ? ` and ${ids.length - NAMED_IDS} more` : "";
  return ids.length === 0 ? "none" : `${ids.slice(0, NAMED_IDS).join(", ")}${more}`;
}

function approvalText(approval: AppliedApproval): string {
  const what = approval.digest === null ? idsText(approval.ids) : shortDigest(approval.digest);
  const end = approval.expiresAtMs === null ? "" : `, until ${localTime(approval.expiresAtMs)}`;
  return `${what} (${approval.reason}${end})`;
}

const HOLD_WORDS: Readonly<Record<HoldReason, string>> = {
  registry: "registry",
  pull: "pull",
  "disk-space": "disk space",
  scan: "no scan",
  database: "vulnerability database",
  "nothing-analysed": "nothing analysed",
  "scanner-denied": "denied scanner release",
  cooldown: "too young",
  drift: "compose drift",
  "compose-unreadable": "compose files",
  unsupported: "not supported",
  "baseline-unknown": "health unknown",
  group: "group",
  "notify-only": "notify only",
  "critical-failed": "a critical update failed",
  quarantined: "quarantined",
  "never-day": "not on this day",
};

/** Words for a hold's reason. */
export function holdText(reason: HoldReason): string {
  return HOLD_WORDS[reason];
}
