import type { ContainerReport, Outcome, RunReport } from "../../update/outcome.ts";
import { formatDuration } from "../../values/duration.ts";
import { changeText, isNews, outcomeDetail, outcomeTone, outcomeWord } from "./outcome.ts";
import type { Paint } from "./style.ts";
import { table } from "./table.ts";
import { visible } from "./visible.ts";

export interface RunReportOptions {
  width: number;
  paint: Paint;
  /** Nothing at all when nothing happened: cron mails what is printed. */
  quiet: boolean;
  verbose: boolean;
}

/** The summary of a run: one line a container, the evidence of failures, the counts. */
export function runReportLines(report: RunReport, options: RunReportOptions): string[] {
  const news = report.containers.filter(({ outcome }) => isNews(outcome));
  if (options.quiet && news.length === 0 && report.interrupted === null) return [];
  const shown = options.quiet ? news : report.containers;
  return [
    ...(shown.length === 0 ? [] : outcomeTable(shown, options)),
    ...shown.flatMap((container) => evidenceLines(container, options)),
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
      { header: "IMAGE", cell: changeText },
      { header: "DETAIL", cell: outcomeDetail, shrinksTo: 20 },
    ],
    containers,
    { width, paint },
  );
}

/** What a table's cell has no room for: why it failed, with the last words of the container. */
function evidenceLines(report: ContainerReport, { width, verbose }: RunReportOptions): string[] {
  const { outcome, container } = report;
  const evidence = "evidence" in outcome ? outcome.evidence : [];
  const isCut = outcomeDetail(report).length > width / 2;
  const needsWords = isCut && (outcome.kind === "blocked" || outcome.kind === "held");
  const lines = evidence.map((line) => `  ${visible(line)}`);
  if (verbose && report.phases.length > 0) {
    const phases = report.phases.map(
      ({ phase, durationMs }) => `${phase} ${formatDuration(durationMs)}`,
    );
    lines.unshift(`  ${phases.join(", ")}`);
  }
  if (evidence.length > 0 || needsWords || verbose)
    lines.unshift(`  ${visible(outcomeDetail(report))}`);
  const hasWords = lines.some((line) => line.trim() !== "");
  return hasWords ? ["", `${visible(container)}: ${outcomeWord(outcome.kind)}`, ...lines] : [];
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

function summaryLine(report: RunReport): string {
  const counts = ORDER.map((kind) => ({
    kind,
    count: report.containers.filter(({ outcome }) => outcome.kind === kind).length,
  })).filter(({ count }) => count > 0);
  const words = counts.map(({ kind, count }) => `${count} ${outcomeWord(kind).toLowerCase()}`);
  const what = words.length === 0 ? "no containers" : words.join(", ");
  return `${report.kind} on ${report.host}: ${what}, in ${formatDuration(report.durationMs)}.`;
}
