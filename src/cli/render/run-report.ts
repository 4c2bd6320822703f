import { beyondReason } from "../../update/beyond-reason.ts";
import type { ContainerReport, Outcome, RunReport } from "../../update/outcome.ts";
import { formatDuration } from "../../values/duration.ts";
import { blockLines, decisionLines } from "./decision.ts";
import { findingsTable } from "./findings.ts";
import { imagesText, isNews, outcomeDetail, outcomeTone, outcomeWord } from "./outcome.ts";
import type { Paint } from "./style.ts";
import { table } from "./table.ts";
import { visible } from "./visible.ts";
import { wrap } from "./wrap.ts";

export interface RunReportOptions {
  width: number;
  paint: Paint;
  /** Nothing at all when nothing happened: cron mails what is printed. */
  quiet: boolean;
  verbose: boolean;
}

const MOST_FINDINGS = 30;
const INDENT = "  ";

/** What the outcome means for the service, where its word may leave that open. */
const MEANINGS: Partial<Record<Outcome["kind"], string>> = {
  blocked: "what ran before goes on running",
  held: "what ran before goes on running",
  "rolled-back": "the former image runs and is as healthy as before",
  "rollback-failed": "the service needs a person now",
};

/** The summary of a run: one line a container, then the whole reasons, the counts. */
export function runReportLines(report: RunReport, options: RunReportOptions): string[] {
  const news = report.containers.filter(({ outcome }) => isNews(outcome));
  if (options.quiet && news.length === 0 && report.interrupted === null) return [];
  const shown = options.quiet ? news : report.containers;
  const blocks = shown.flatMap((container) => reasonBlock(container, options));
  return [
    ...(shown.length === 0 ? [] : outcomeTable(shown, options)),
    ...blocks,
    ...(shown.length === 0 ? [] : [""]),
    ...(report.interrupted === null ? [] : [`Ended early: ${visible(report.interrupted)}`]),
    summaryLine(report),
    ...(report.dryRun ? ["This was a dry run: nothing in service was changed."] : []),
  ];
}

function outcomeTable(
  containers: readonly ContainerReport[],
  { width, paint }: RunReportOptions,
): string[] {
  return table(
    [
      { header: "CONTAINER", cell: ({ container }) => container, shrinksTo: 16 },
      {
        header: "OUTCOME",
        cell: ({ outcome }) => outcomeWord(outcome.kind),
        tone: ({ outcome }) => outcomeTone(outcome.kind),
      },
      { header: "IMAGE", cell: imagesText },
      { header: "DETAIL", cell: outcomeDetail, shrinksTo: 20 },
    ],
    containers,
    { width, paint },
  );
}

/** What a table's cell has no room for: what blocks, why it failed, the container's last words. */
function reasonBlock(report: ContainerReport, options: RunReportOptions): string[] {
  const { outcome, container } = report;
  const lines = [...reasonLines(report, options), ...(options.verbose ? detailLines(report) : [])];
  if (lines.length === 0) return [];
  const word = options.paint(outcomeWord(outcome.kind), outcomeTone(outcome.kind));
  const meaning = MEANINGS[outcome.kind];
  const heading = `${visible(container)}: ${word}${meaning === undefined ? "" : `, ${meaning}`}`;
  return ["", heading, ...lines.map((line) => INDENT + line)];
}

/** Harmless lines that fit: colours are in some of them. */
function reasonLines(report: ContainerReport, options: RunReportOptions): string[] {
  const { outcome } = report;
  const fit = (text: string) => fitLines(text, options);
  switch (outcome.kind) {
    case "blocked":
      return blockedLines(report, options);
    case "held":
      return outcome.why === "" ? [] : fit(outcome.why);
    case "rolled-back":
    case "rollback-failed":
      return [outcome.why, ...beyondReason(outcome.why, outcome.evidence)].flatMap(fit);
    case "failed":
      return fit(outcome.why);
    default:
      return [];
  }
}

/** A text from outside, made harmless and broken where the terminal ends. */
function fitLines(text: string, { width }: RunReportOptions): string[] {
  return wrap(visible(text), width - INDENT.length);
}

function blockedLines(
  { decision, blocking = [], container }: ContainerReport,
  options: RunReportOptions,
): string[] {
  const { width, paint, verbose } = options;
  if (decision?.kind !== "block") return [];
  const fit = (text: string) => fitLines(text, options);
  if (blocking.length === 0) return decisionLines(decision).flatMap(fit);
  const lines = findingsTable(blocking, { width: width - INDENT.length, paint });
  // The table's first line has the names of its columns.
  const shown = verbose ? lines : lines.slice(0, MOST_FINDINGS + 1);
  const rest = lines.length - shown.length;
  return [
    ...shown,
    ...(rest === 0 ? [] : [`… and ${rest} more: pratique scan ${visible(container)}`]),
    ...blockLines(decision, container).flatMap(fit),
  ];
}

/** For `--verbose`: how long each phase took, and what the gate said where nothing above has it. */
function detailLines({ phases, decision, outcome }: ContainerReport): string[] {
  const times = phases.map(({ phase, durationMs }) => `${phase} ${formatDuration(durationMs)}`);
  const isTold = outcome.kind === "blocked" || outcome.kind === "held";
  return [
    ...(decision === null || isTold ? [] : decisionLines(decision).map(visible)),
    ...(times.length === 0 ? [] : [times.join(", ")]),
  ];
}

const ORDER: readonly Outcome["kind"][] = [
  "rollback-failed",
  "rolled-back",
  "failed",
  "blocked",
  "held",
  "updated",
  "would-update",
  "available",
  "up-to-date",
  "skipped",
];

/** For a log that has had the phases and outcomes line by line: the whole reasons, the counts. */
export function runLogLines(report: RunReport, options: RunReportOptions): string[] {
  const reasons = report.containers.flatMap((container) => reasonBlock(container, options));
  return [...reasons.filter((line) => line !== ""), summaryLine(report)];
}

function summaryLine(report: RunReport): string {
  const counts = ORDER.map((kind) => ({
    kind,
    count: report.containers.filter(({ outcome }) => outcome.kind === kind).length,
  })).filter(({ count }) => count > 0);
  const words = counts.map(({ kind, count }) => `${count} ${outcomeWord(kind).toLowerCase()}`);
  const what = words.length === 0 ? "no containers" : words.join(", ");
  return `${report.kind} on ${report.host}: ${what}, in ${formatDuration(report.durationMs)}.`;
}
