import { EXIT } from "../../errors.ts";
import type { Decision } from "../../policy/decision.ts";
import { comparisonText, countsText } from "../../policy/decision-text.ts";
import { isScannerMissing } from "../../update/scan.ts";
import { type ScannedImage, scanOnly } from "../../update/scan-only.ts";
import { shortDigest } from "../../values/digest.ts";
import { type CommandRun, hasOption } from "../command.ts";
import { decisionLines, decisionTone } from "../render/decision.ts";
import { findingsTable } from "../render/findings.ts";
import { counted } from "../render/sizes.ts";
import { type Paint, painter } from "../render/style.ts";
import { localTime } from "../render/time.ts";
import { visible } from "../render/visible.ts";
import type { ScanReport } from "../reports.ts";

export const run: CommandRun = async (input) => {
  const { output, session } = input;
  const context = await session.openContext();
  const request = { names: [...new Set(input.arguments)], running: hasOption(input, "running") };
  const scanned = await scanOnly(request, context);
  const scans = scanned.map(toScanReport);
  const paint = painter(output.hasColour(output.stdout));
  output.result({ schema: 1, scans }, () =>
    scans.flatMap((scan, index) => [
      ...(index === 0 ? [] : [""]),
      ...scanLines(scan, output.width, paint),
    ]),
  );
  if (scanned.some(({ scan }) => isScannerMissing(scan))) return EXIT.environment;
  const isRefused = scans.some(({ decision }) => ["block", "hold"].includes(decision.kind));
  return isRefused ? EXIT.refused : EXIT.done;
};

/** Without the scanner's own report, which is large and kept in the state folder. */
function toScanReport({ scan, ...subject }: ScannedImage): ScanReport {
  const isScanned = scan.kind === "scanned";
  const updatedAtMs = isScanned ? scan.databaseUpdatedAtMs : null;
  return {
    ...subject,
    findings: isScanned ? scan.findings : [],
    packageCount: isScanned ? scan.packageCount : null,
    os: isScanned ? scan.os : null,
    endOfLife: isScanned && scan.endOfLife,
    scannerVersion: isScanned ? scan.scannerVersion : null,
    databaseUpdatedAt: updatedAtMs === null ? null : new Date(updatedAtMs).toISOString(),
  };
}

function scanLines(scan: ScanReport, width: number, paint: Paint): string[] {
  const { decision, findings } = scan;
  const subject = scan.container === null ? "" : `${visible(scan.container)}: ${scan.what} `;
  const digest = ` (${shortDigest(scan.digest)})`;
  const [first = "", ...rest] = withoutEmptyComparison(decisionLines(decision), decision);
  return [
    paint(`${subject}${visible(scan.reference)}${digest}`, "strong"),
    ...(findings.length === 0 ? [] : findingsTable(findings, { width, paint })),
    ...(scan.packageCount === null ? [] : [evidenceLine(scan, scan.packageCount)]),
    paint(visible(first), decisionTone(decision)),
    ...rest.map((line) => `  ${visible(line)}`),
  ];
}

/** A single scan has nothing to compare with: the counts are all there is to say. */
function withoutEmptyComparison(lines: readonly string[], decision: Decision): string[] {
  if (!("comparison" in decision) || decision.comparison?.running !== null) return [...lines];
  const { candidate } = decision.comparison;
  const empty = comparisonText(decision.comparison);
  return lines.map((line) => (line === empty ? countsText(candidate) : line));
}

/** What was analysed, with what: no scan is not clean (I7). */
function evidenceLine(scan: ScanReport, packageCount: number): string {
  const database =
    scan.databaseUpdatedAt === null
      ? "database of unknown age"
      : `database of ${localTime(Date.parse(scan.databaseUpdatedAt))}`;
  const system = scan.os === null ? "no operating system recognised" : visible(scan.os);
  const end = scan.endOfLife ? " (no longer supported by its makers)" : "";
  return `${counted(scan.findings.length, "finding")} in ${counted(packageCount, "package")}, ${system}${end}, trivy ${scan.scannerVersion ?? "of unknown version"}, ${database}`;
}
