import { shortDigest } from "../../values/digest.ts";
import type { ContainerStatus, StatusReport } from "../reports.ts";
import { decisionSummary, decisionTone } from "./decision.ts";
import { outcomeWord } from "./outcome.ts";
import { queueWhy, queueWord } from "./queue.ts";
import { counted } from "./sizes.ts";
import type { Paint, Tone } from "./style.ts";
import { table } from "./table.ts";
import { localTime, relativeTime } from "./time.ts";
import { visible } from "./visible.ts";

/** Every watched container, then those that are left alone, then what else is going on. */
export function statusLines(
  report: StatusReport,
  options: { width: number; paint: Paint; nowMs: number; quiet: boolean },
): string[] {
  const watched = report.containers.filter(({ skipped }) => skipped === null);
  const shown = options.quiet ? watched.filter(needsAttention) : watched;
  const skipped = report.containers.filter((container) => container.skipped !== null);
  return [
    ...(shown.length === 0 ? [] : statusTable(shown, options)),
    ...(shown.length === 0 && !options.quiet ? ["No container is watched."] : []),
    ...(options.quiet ? [] : skippedLines(skipped)),
    ...circumstances(report, options.nowMs, options.quiet),
  ];
}

function statusTable(
  containers: readonly ContainerStatus[],
  options: { width: number; paint: Paint; nowMs: number },
): string[] {
  return table(
    [
      { header: "CONTAINER", cell: ({ container }) => container, shrinksTo: 14 },
      {
        header: "STATE",
        cell: ({ state }) => state,
        tone: ({ state }) => (state === "running" ? "plain" : "warning"),
      },
      { header: "IMAGE", cell: ({ reference }) => reference, shrinksTo: 16 },
      {
        header: "RUNNING",
        cell: (status) => shortDigest(status.runningDigest ?? status.runningImageId),
      },
      { header: "CANDIDATE", cell: candidateText },
      { header: "DECISION", cell: decisionText, tone: decisionToneOf, shrinksTo: 20 },
      {
        header: "LAST UPDATE",
        cell: (status) => lastUpdateText(status, options.nowMs),
        shrinksTo: 8,
      },
      { header: "BACKUPS", cell: ({ backups }) => String(backups), align: "right" },
    ],
    containers,
    options,
  );
}

function candidateText(status: ContainerStatus): string {
  if (status.candidate === null) return "-";
  return status.candidate === status.runningDigest ? "same" : shortDigest(status.candidate);
}

/** Why it waits, else what the gate said. */
function decisionText({ queue, decision }: ContainerStatus): string {
  const waiting = queue === null ? null : `${queueWord(queue.reason)}: ${queueWhy(queue)}`;
  // The decision says more than the queue: it has the comparison.
  if (decision !== null && (decision.kind === "block" || waiting === null)) {
    return decisionSummary(decision);
  }
  return waiting ?? "-";
}

function decisionToneOf({ queue, decision }: ContainerStatus): Tone {
  if (decision !== null) return decisionTone(decision);
  return queue === null ? "plain" : "warning";
}

function lastUpdateText({ lastUpdate }: ContainerStatus, nowMs: number): string {
  if (lastUpdate === null) return "never";
  const ago = relativeTime(Date.parse(lastUpdate.at), nowMs);
  return lastUpdate.outcome === "updated"
    ? ago
    : `${outcomeWord(lastUpdate.outcome).toLowerCase()} ${ago}`;
}

function needsAttention(status: ContainerStatus): boolean {
  return status.queue !== null || status.state !== "running";
}

function skippedLines(containers: readonly ContainerStatus[]): string[] {
  if (containers.length === 0) return [];
  return [
    "",
    "Left alone:",
    ...containers.map(
      ({ container, skipped }) => `  ${visible(container)}: ${visible(skipped ?? "")}`,
    ),
  ];
}

function circumstances(report: StatusReport, nowMs: number, quiet: boolean): string[] {
  const lines: string[] = [];
  if (report.running === "unknown") lines.push("A run holds the lock.");
  else if (report.running !== null) {
    const { command, pid, since } = report.running;
    const ago = relativeTime(Date.parse(since), nowMs);
    lines.push(`Running now: ${visible(command)} (process ${pid}, since ${ago}).`);
  }
  if (report.running === null) {
    for (const { container, phase, since } of report.unfinished) {
      const at = localTime(Date.parse(since));
      lines.push(
        `Unfinished since ${at}: ${visible(container)} in ${phase}; run \`pratique recover\`.`,
      );
    }
  }
  if (report.undelivered > 0) {
    const is = report.undelivered === 1 ? "waits" : "wait";
    lines.push(`${counted(report.undelivered, "message")} ${is} for delivery.`);
  }
  if (report.nextRun !== null && !quiet) {
    const atMs = Date.parse(report.nextRun.at);
    lines.push(
      `Next run: ${report.nextRun.kind} at ${localTime(atMs)} (${relativeTime(atMs, nowMs)}).`,
    );
  }
  return lines.length === 0 ? [] : ["", ...lines];
}
