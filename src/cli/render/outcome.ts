/** Words for how one container's way through the procedure ended. */
import { comparisonText } from "../../policy/decision-text.ts";
import type { ContainerReport, Outcome } from "../../update/outcome.ts";
import { shortDigest } from "../../values/digest.ts";
import { formatDuration } from "../../values/duration.ts";
import { decisionSummary, heldText } from "./decision.ts";
import type { Tone } from "./style.ts";

const WORDS: Readonly<Record<Outcome["kind"], { word: string; tone: Tone }>> = {
  "up-to-date": { word: "UP TO DATE", tone: "quiet" },
  skipped: { word: "SKIPPED", tone: "quiet" },
  available: { word: "AVAILABLE", tone: "strong" },
  "would-update": { word: "WOULD UPDATE", tone: "strong" },
  blocked: { word: "BLOCKED", tone: "bad" },
  held: { word: "HELD", tone: "warning" },
  updated: { word: "UPDATED", tone: "good" },
  "rolled-back": { word: "ROLLED BACK", tone: "bad" },
  "rollback-failed": { word: "ROLL-BACK FAILED", tone: "bad" },
  failed: { word: "FAILED", tone: "bad" },
};

export function outcomeWord(kind: Outcome["kind"]): string {
  return WORDS[kind].word;
}

export function outcomeTone(kind: Outcome["kind"]): Tone {
  return WORDS[kind].tone;
}

/** `4f1c… → 9ab2…`; the image ids where a digest is not known. */
export function changeText(report: ContainerReport): string {
  const from = shortDigest(report.runningDigest ?? report.runningImageId);
  return report.candidate === null ? from : `${from} → ${shortDigest(report.candidate)}`;
}

/** Why it ended so, in one line. */
export function outcomeDetail(report: ContainerReport): string {
  const { outcome, decision } = report;
  switch (outcome.kind) {
    case "up-to-date":
      return "";
    case "skipped":
      return outcome.why;
    case "available":
    case "would-update":
      return decision === null ? "" : decisionSummary(decision);
    case "blocked":
      return decision === null ? "" : decisionSummary(decision).replace(/^BLOCKED: /, "");
    case "held":
      return heldText(outcome);
    case "updated": {
      const downtime =
        outcome.downtimeMs === null ? [] : [`downtime ${formatDuration(outcome.downtimeMs)}`];
      const comparison = decision !== null && "comparison" in decision ? decision.comparison : null;
      return [...downtime, ...(comparison === null ? [] : [comparisonText(comparison)])].join("; ");
    }
    case "rolled-back":
    case "rollback-failed":
    case "failed":
      return `${outcome.phase}: ${outcome.why}`;
  }
}

/** Whether there is anything about it that an operator wants to hear of. */
export function isNews(outcome: Outcome): boolean {
  return outcome.kind !== "up-to-date" && outcome.kind !== "skipped";
}
