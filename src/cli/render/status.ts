import { blockersText, changeText } from "../../policy/decision-text.ts";
import type { QueueEntry } from "../../state/queue.ts";
import { shortDigest, shortenDigests } from "../../values/digest.ts";
import type { ContainerStatus, StatusReport } from "../reports.ts";
import { decisionTone, decisionWord } from "./decision.ts";
import { outcomeWord } from "./outcome.ts";
import { queueTone, queueWhy, queueWord } from "./queue.ts";
import { counted } from "./sizes.ts";
import type { Paint, Tone } from "./style.ts";
import { type Column, table } from "./table.ts";
import { localTime, relativeTime, roughTime } from "./time.ts";
import { visible } from "./visible.ts";
import { wrap } from "./wrap.ts";

/** Every watched container, why some wait, those that are skipped, what else is going on. */
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
    ...waitingLines(shown, options),
    ...(options.quiet ? [] : skippedLines(skipped)),
    ...(options.quiet ? [] : recreatedLines(report.containers)),
    ...circumstances(report, options.nowMs, options.quiet),
  ];
}

function statusTable(
  containers: readonly ContainerStatus[],
  options: { width: number; paint: Paint; nowMs: number },
): string[] {
  const areRunning = containers.every(({ state }) => state === "running");
  const state: Column<ContainerStatus> = {
    header: "STATE",
    cell: (status) => status.state,
    tone: (status) => (status.state === "running" ? "plain" : "warning"),
  };
  return table(
    [
      { header: "CONTAINER", cell: ({ container }) => container, shrinksTo: 14 },
      // The room is needed for more than the same word in each line.
      ...(areRunning ? [] : [state]),
      { header: "IMAGE", cell: ({ reference }) => reference, shrinksTo: 16, cutsFront: true },
      {
        header: "RUNNING",
        cell: (status) => shortDigest(status.runningDigest ?? status.runningImageId),
      },
      { header: "CANDIDATE", cell: candidateText },
      { header: "DECISION", cell: verdictWord, tone: verdictTone },
      {
        header: "LAST UPDATE",
        cell: (status) => lastUpdateText(status, options.nowMs),
        shrinksTo: 19,
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

/** How it stands: why it waits, else what the gate said. */
function verdictWord({ queue, decision }: ContainerStatus): string {
  // In which phase it failed stands with the reason below.
  if (queue !== null) return queueWord(queue.reason).replace(/ \(.*/, "");
  return decision === null ? "-" : decisionWord(decision);
}

function verdictTone({ queue, decision }: ContainerStatus): Tone {
  return queue === null ? decisionTone(decision) : queueTone(queue.reason);
}

/** The reasons, which no cell has room for. */
function waitingLines(
  containers: readonly ContainerStatus[],
  { paint, width }: { paint: Paint; width: number },
): string[] {
  const lines = containers.flatMap((status) => {
    const { container, queue } = status;
    if (queue === null) return [];
    const word = queueWord(queue.reason);
    const text = `${visible(container)}: ${word}: ${visible(whyWaiting(status, queue))}`;
    // Painted after it is broken: colours have no width.
    const [first = "", ...rest] = wrap(text, width - 4);
    const painted = first.replace(word, () => paint(word, queueTone(queue.reason)));
    return [`  ${painted}`, ...rest.map((line) => `    ${line}`)];
  });
  return lines.length === 0 ? [] : ["", "Waiting:", ...lines];
}

/** A block has the ids, and what the update would have changed. */
function whyWaiting({ decision }: ContainerStatus, queue: QueueEntry): string {
  if (queue.reason.kind !== "blocked" || decision?.kind !== "block") return queueWhy(queue);
  const { blockers, comparison } = decision;
  const change = comparison === null ? "" : `; ${changeText(comparison)}`;
  return `${blockersText(blockers)}${change}`;
}

function lastUpdateText({ lastUpdate }: ContainerStatus, nowMs: number): string {
  if (lastUpdate === null) return "never";
  const ago = roughTime(Date.parse(lastUpdate.at), nowMs);
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
    "Skipped:",
    ...containers.map(
      ({ container, skipped }) =>
        `  ${visible(container)}: ${visible(shortenDigests(skipped ?? ""))}`,
    ),
  ];
}

/** What comes when, and who starts it. */
function scheduleLines({ nextRuns, daemon }: StatusReport, nowMs: number): string[] {
  const lines = nextRuns.map(({ kind, at }, index) => {
    const atMs = Date.parse(at);
    const head = index === 0 ? "Next run: " : "          ";
    return `${head}${kind} at ${localTime(atMs)} (${relativeTime(atMs, nowMs)}).`;
  });
  if (daemon === "unknown") return [...lines, "The daemon is running."];
  if (daemon !== null) {
    const ago = relativeTime(Date.parse(daemon.since), nowMs);
    return [...lines, `The daemon is running (process ${daemon.pid}, since ${ago}).`];
  }
  if (lines.length === 0) return [];
  return [...lines, "No daemon is running: they come by host cron, or when `pratique serve` runs."];
}

function recreatedLines(containers: readonly ContainerStatus[]): string[] {
  const lines = containers.flatMap(({ container, recreatedWith }) =>
    recreatedWith === null
      ? []
      : [`  ${visible(container)}: with ${visible(recreatedWith)}, whose network it shares`],
  );
  return lines.length === 0 ? [] : ["", "Recreated with another:", ...lines];
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
  if (!quiet) lines.push(...scheduleLines(report, nowMs));
  return lines.length === 0 ? [] : ["", ...lines];
}
