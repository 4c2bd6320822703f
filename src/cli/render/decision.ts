/** A decision as the terminal shows it. The words for its parts are those of the messages. */
import type { Blocker, Comparison, Decision } from "../../policy/decision.ts";
import {
  approvalText,
  blockersText,
  changeText,
  comparisonText,
  holdText,
  idsText,
  isKeepingWorse,
} from "../../policy/decision-text.ts";
import type { Tone } from "./style.ts";

const WORDS = {
  pass: { word: "PASS", tone: "good" },
  warn: { word: "WARN", tone: "warning" },
  block: { word: "BLOCKED", tone: "bad" },
  hold: { word: "HELD", tone: "warning" },
} as const;

/** PASS, WARN, BLOCKED or HELD: the word that stands for the decision everywhere. */
export function decisionWord(decision: Decision): string {
  return WORDS[decision.kind].word;
}

export function decisionTone(decision: Decision | null): Tone {
  return decision === null ? "plain" : WORDS[decision.kind].tone;
}

/** The whole decision: the word with its reason, the comparison, approvals. */
export function decisionLines(decision: Decision): string[] {
  const word = decisionWord(decision);
  switch (decision.kind) {
    case "pass":
      return [
        word,
        ...comparisonLines(decision.comparison),
        ...decision.approvals.map(approvalText),
      ];
    case "warn":
      return [
        decision.named.length === 0 ? word : `${word}: passes, named: ${idsText(decision.named)}`,
        ...comparisonLines(decision.comparison),
        ...decision.approvals.map(approvalText),
      ];
    case "block":
      return [
        `${word}: ${blockersText(decision.blockers)}`,
        ...comparisonLines(decision.comparison),
        ...decision.expiredApprovals.map((approval) => `no longer ${approvalText(approval)}`),
      ];
    case "hold":
      return [`${word}: ${heldText(decision)}`];
  }
}

/** The decision without its word in one line: `3 HIGH; 11 fixed, 0 new`. */
export function decisionSummary(decision: Decision): string {
  if (decision.kind === "hold") return holdText(decision.reason);
  const reason = decision.kind === "block" ? decision.blockers.map(blockerCount).join(", ") : "";
  const change = decision.comparison === null ? "" : changeText(decision.comparison);
  return [reason, change].filter((part) => part !== "").join("; ");
}

/** What a table of the blocking findings leaves to say: comparison, risk, approvals, the way out. */
export function blockLines(
  decision: Extract<Decision, { kind: "block" }>,
  container: string,
): string[] {
  const { blockers, comparison, expiredApprovals } = decision;
  const isDenied = blockers.some(({ rule }) => rule === "denied-image");
  return [
    ...(comparison === null ? [] : [comparisonText(comparison), ...riskLines(comparison)]),
    ...expiredApprovals.map((approval) => `no longer ${approvalText(approval)}`),
    ...(isDenied ? [] : [`to let it pass: pratique queue approve ${container} --reason TEXT`]),
  ];
}

/** Why it is held: the kind of reason, and the reason itself. */
export function heldText({
  reason,
  why,
}: Pick<Extract<Decision, { kind: "hold" }>, "reason" | "why">): string {
  const words = holdText(reason);
  return why === "" || why === words ? words : `${words}: ${why}`;
}

/** `3 HIGH`, `1 new CRITICAL`: without the ids, for one line. */
function blockerCount({ rule, severity, ids }: Blocker): string {
  if (rule === "denied-image") return "the image carries malware";
  return `${ids.length} ${rule === "new-risk" ? "new " : ""}${severity ?? "findings"}`;
}

function comparisonLines(comparison: Comparison | null): string[] {
  if (comparison === null) return [];
  return [
    comparisonText(comparison),
    ...(comparison.running !== null && comparison.new.length > 0
      ? [`new: ${idsText(comparison.new)}`]
      : []),
    ...riskLines(comparison),
  ];
}

function riskLines(comparison: Comparison): string[] {
  return isKeepingWorse(comparison)
    ? ["what runs now is worse than the candidate: not updating is the greater risk"]
    : [];
}
