import type { Finding, Severity } from "../../ports.ts";
import type { Paint, Tone } from "./style.ts";
import { table } from "./table.ts";

const RANK: readonly Severity[] = ["CRITICAL", "HIGH", "MEDIUM", "LOW", "UNKNOWN"];

const TONES: Readonly<Record<Severity, Tone>> = {
  CRITICAL: "bad",
  HIGH: "bad",
  MEDIUM: "warning",
  LOW: "plain",
  UNKNOWN: "plain",
};

/** One line a finding, the worst first. */
export function findingsTable(
  findings: readonly Finding[],
  options: { width: number; paint: Paint },
): string[] {
  const sorted = [...findings].sort(
    (left, right) =>
      RANK.indexOf(left.severity) - RANK.indexOf(right.severity) ||
      left.package.localeCompare(right.package) ||
      left.id.localeCompare(right.id),
  );
  return table(
    [
      { header: "FINDING", cell: ({ id }) => id },
      {
        header: "SEVERITY",
        cell: ({ severity }) => severity,
        tone: ({ severity }) => TONES[severity],
      },
      { header: "PACKAGE", cell: (finding) => finding.package, shrinksTo: 12 },
      { header: "INSTALLED", cell: ({ installedVersion }) => installedVersion, shrinksTo: 10 },
      { header: "FIXED IN", cell: ({ fixedVersion }) => fixedVersion ?? "no fix", shrinksTo: 10 },
      { header: "TITLE", cell: ({ title }) => title, shrinksTo: 10 },
    ],
    sorted,
    options,
  );
}
