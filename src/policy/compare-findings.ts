import type { Finding, Scan, ScanFailure, Severity } from "../ports.ts";
import type { Comparison, SeverityCounts } from "./decision.ts";

/** The part of a scan that decisions are made from; a stored scan has it too. */
export type ScannedFindings = Pick<Scan, "kind"> & { readonly findings: readonly Finding[] };

/** Most severe first. */
export const SEVERITIES = [
  "CRITICAL",
  "HIGH",
  "MEDIUM",
  "LOW",
  "UNKNOWN",
] as const satisfies readonly Severity[];

/**
 * What the candidate changes against what runs, as sets of finding ids: one vulnerability in two
 * packages is one, and one swapped for another is not "the same number". Where the running image
 * could not be scanned, nothing can be called fixed, new or both.
 */
export function compareFindings(
  candidate: ScannedFindings,
  running: ScannedFindings | ScanFailure | null,
): Comparison {
  const candidateIds = severityById(candidate.findings);
  const candidateCounts = countBySeverity(candidateIds);
  if (running === null || running.kind === "unknown") {
    return { running: null, candidate: candidateCounts, fixed: [], new: [], both: [] };
  }
  const runningIds = severityById(running.findings);
  return {
    running: countBySeverity(runningIds),
    candidate: candidateCounts,
    fixed: sortedIds(runningIds, (id) => !candidateIds.has(id)),
    new: sortedIds(candidateIds, (id) => !runningIds.has(id)),
    both: sortedIds(candidateIds, (id) => runningIds.has(id)),
  };
}

/** Each distinct id with the highest severity that any of its findings has. */
export function severityById(findings: readonly Finding[]): Map<string, Severity> {
  const found = new Map<string, Severity>();
  for (const { id, severity } of findings) {
    const known = found.get(id);
    if (known === undefined || rank(severity) < rank(known)) found.set(id, severity);
  }
  return found;
}

/** Most severe first, then by id. */
export function bySeverityThenId(
  left: readonly [id: string, severity: Severity],
  right: readonly [id: string, severity: Severity],
): number {
  return rank(left[1]) - rank(right[1]) || compareText(left[0], right[0]);
}

function sortedIds(ids: Map<string, Severity>, isWanted: (id: string) => boolean): string[] {
  return [...ids]
    .filter(([id]) => isWanted(id))
    .sort(bySeverityThenId)
    .map(([id]) => id);
}

/** Distinct ids by severity. */
export function countBySeverity(ids: ReadonlyMap<string, Severity>): SeverityCounts {
  const counts: SeverityCounts = { CRITICAL: 0, HIGH: 0, MEDIUM: 0, LOW: 0, UNKNOWN: 0 };
  for (const severity of ids.values()) counts[severity] += 1;
  return counts;
}

function rank(severity: Severity): number {
  return SEVERITIES.indexOf(severity);
}

/** By code unit, so that the order is the same everywhere. */
function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
