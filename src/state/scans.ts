// Invariants: one row per digest and database date; the newest of a digest has all its findings,
// older ones only their counts (else a year of daily scans would be millions of rows).
import { countBySeverity, severityById } from "../policy/compare-findings.ts";
import type { SeverityCounts } from "../policy/decision.ts";
import type { Finding, Scan, Severity } from "../ports.ts";
import type { Digest } from "../values/digest.ts";
import { digestOf, jsonOf, numberOf, numberOrNull, textOf, textOrNull } from "./columns.ts";
import { saveReport } from "./scan-reports.ts";
import type { Row, State } from "./state.ts";

export interface StoredScan extends Omit<Scan, "report"> {
  reference: string;
  scannedAtMs: number;
  /** Distinct finding ids by severity. */
  counts: SeverityCounts;
}

/**
 * Keeps a scan: the result in the database, the scanner's whole report as a file. The same digest
 * scanned with the same database replaces the former row. A report that cannot be written is
 * reported and costs only the report; the result goes on to the database.
 */
export function saveScan(state: State, scan: Scan, reference: string): void {
  saveReport(state, scan.digest, scan.report);
  state.transaction(() => {
    state.database
      .prepare("DELETE FROM scans WHERE digest = ? AND database_updated_at_ms IS ?")
      .run(scan.digest, scan.databaseUpdatedAtMs);
    const { lastInsertRowid } = state.database
      .prepare(
        `INSERT INTO scans (digest, reference, database_updated_at_ms, scanner_version,
           scanned_at_ms, os, end_of_life, package_count, counts)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        scan.digest,
        reference,
        scan.databaseUpdatedAtMs,
        scan.scannerVersion,
        state.now(),
        scan.os,
        Number(scan.endOfLife),
        scan.packageCount,
        JSON.stringify(countBySeverity(severityById(scan.findings))),
      );
    state.database
      .prepare("DELETE FROM findings WHERE scan_id IN (SELECT id FROM scans WHERE digest = ?)")
      .run(scan.digest);
    insertFindings(state, lastInsertRowid, scan.findings);
  });
}

/** The newest stored scan of a digest. For display only: the gate scans anew. */
export function latestScan(state: State, digest: Digest): StoredScan | null {
  const row = state.database
    .prepare("SELECT * FROM scans WHERE digest = ? ORDER BY id DESC LIMIT 1")
    .get(digest);
  return row === undefined ? null : toScan(state, row);
}

/** All stored scans of a digest, oldest first, without their findings: the severity history. */
export function listScans(state: State, digest: Digest): Omit<StoredScan, "findings">[] {
  return state.database
    .prepare("SELECT * FROM scans WHERE digest = ? ORDER BY id")
    .all(digest)
    .map(toSummary);
}

function insertFindings(state: State, scanId: number | bigint, findings: readonly Finding[]): void {
  const insert = state.database.prepare(
    `INSERT INTO findings (scan_id, position, id, severity, package, installed_version,
       fixed_version, status, title, url) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  for (const [position, finding] of findings.entries()) {
    insert.run(
      scanId,
      position,
      finding.id,
      finding.severity,
      finding.package,
      finding.installedVersion,
      finding.fixedVersion,
      finding.status,
      finding.title,
      finding.url,
    );
  }
}

function toScan(state: State, row: Row): StoredScan {
  const findings = state.database
    .prepare("SELECT * FROM findings WHERE scan_id = ? ORDER BY position")
    .all(numberOf(row.id))
    .map(toFinding);
  return { ...toSummary(row), findings };
}

function toSummary(row: Row): Omit<StoredScan, "findings"> {
  return {
    kind: "scanned",
    digest: digestOf(row.digest),
    reference: textOf(row.reference),
    packageCount: numberOf(row.package_count),
    os: textOrNull(row.os),
    endOfLife: row.end_of_life === 1,
    scannerVersion: textOrNull(row.scanner_version),
    databaseUpdatedAtMs: numberOrNull(row.database_updated_at_ms),
    scannedAtMs: numberOf(row.scanned_at_ms),
    counts: jsonOf<SeverityCounts>(row.counts),
  };
}

function toFinding(row: Row): Finding {
  return {
    id: textOf(row.id),
    severity: textOf(row.severity) as Severity,
    package: textOf(row.package),
    installedVersion: textOf(row.installed_version),
    fixedVersion: textOrNull(row.fixed_version),
    status: textOf(row.status),
    title: textOf(row.title),
    url: textOrNull(row.url),
  };
}
