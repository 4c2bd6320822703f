/** Words for how one container's way through the procedure ended. */
import { changeText, holdText } from "../../policy/decision-text.ts";
import type { ContainerReport, Outcome } from "../../update/outcome.ts";
import { shortDigest, shortenDigests } from "../../values/digest.ts";
import { formatDuration } from "../../values/duration.ts";
import { decisionSummary } from "./decision.ts";
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

/** `4f1c… → 9ab2…`, or what runs where it stays; the image id where a digest is not known. */
export function imagesText({ outcome, ...report }: ContainerReport): string {
  const from = shortDigest(report.runningDigest ?? report.runningImageId);
  const { candidate } = report;
  const isSame = candidate === null || outcome.kind === "up-to-date";
  return isSame ? from : `${from} → ${shortDigest(candidate)}`;
}

/** Why it ended so, in a few words: the whole reason has its own block in the report. */
export function outcomeDetail(report: ContainerReport): string {
  const { outcome, decision, followers = [] } = report;
  const withIt = followers.length === 0 ? [] : [`with ${followers.join(", ")}`];
  switch (outcome.kind) {
    case "up-to-date":
      return "";
    case "skipped":
      return shortenDigests(outcome.why);
    case "available":
    case "would-update":
      return [...(decision === null ? [] : [decisionSummary(decision)]), ...withIt].join("; ");
    case "blocked":
      return decision === null ? "" : decisionSummary(decision);
    case "held":
      return holdText(outcome.reason);
    case "updated": {
      const downtime =
        outcome.downtimeMs === null ? [] : [`downtime ${formatDuration(outcome.downtimeMs)}`];
      const comparison = decision !== null && "comparison" in decision ? decision.comparison : null;
      const changes = comparison === null ? [] : [changeText(comparison)];
      return [...changes, ...withIt, ...downtime].join("; ");
    }
    case "rolled-back":
    case "rollback-failed":
    case "failed":
      return [`${outcome.phase} failed`, ...withIt].join("; ");
  }
}

/** Whether there is anything about it that an operator wants to hear of. */
export function isNews(outcome: Outcome): boolean {
  return outcome.kind !== "up-to-date" && outcome.kind !== "skipped";
}
