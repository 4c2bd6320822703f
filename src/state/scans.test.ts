import assert from "node:assert/strict";
import { mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { digest, HOUR_MS, temporaryState } from "../../test/temporary-state.ts";
import type { Finding, Scan } from "../ports.ts";
import { readReport, reportFolder, reportPath } from "./scan-reports.ts";
import { latestScan, listScans, saveScan } from "./scans.ts";

function finding(id: string): Finding {
  return {
    id,
    severity: "HIGH",
    package: "openssl",
    installedVersion: "3.0.1",
    fixedVersion: null,
    status: "affected",
    title: "A title; with 'quotes' and ünïcode",
    url: "https://example.org/advisory",
  };
}

function scan(changes: Partial<Scan> = {}): Scan {
  return {
    kind: "scanned",
    digest: digest("1"),
    findings: [finding("CVE-1"), finding("CVE-2")],
    packageCount: 120,
    os: "debian 12",
    endOfLife: false,
    scannerVersion: "0.60.0",
    databaseUpdatedAtMs: 1_000,
    report: Buffer.from('{"SchemaVersion":2}'),
    ...changes,
  };
}

test("gives back what was found, and the whole report", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  saveScan(state, scan(), "nginx:1");
  const { report, ...result } = scan();
  assert.deepEqual(latestScan(state, digest("1")), {
    ...result,
    reference: "nginx:1",
    scannedAtMs: state.now(),
    counts: { CRITICAL: 0, HIGH: 2, MEDIUM: 0, LOW: 0, UNKNOWN: 0 },
  });
  assert.deepEqual(readReport(state, digest("1")), report);
  assert.equal(statSync(reportPath(state, digest("1"))).mode & 0o777, 0o600);
});

test("knows nothing of a digest that was never scanned", () => {
  using temporary = temporaryState();
  assert.equal(latestScan(temporary.state, digest("2")), null);
  assert.equal(readReport(temporary.state, digest("2")), null);
});

test("the same digest with the same database is one scan, with a newer one another", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  for (const databaseUpdatedAtMs of [1_000, 1_000, null, null, 2_000]) {
    temporary.pass(HOUR_MS);
    saveScan(state, scan({ databaseUpdatedAtMs }), "nginx:1");
  }
  const dates = listScans(state, digest("1")).map((each) => each.databaseUpdatedAtMs);
  assert.deepEqual(dates, [1_000, null, 2_000]);
});

test("only the newest scan of a digest keeps its findings, older ones their counts", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  saveScan(state, scan(), "nginx:1");
  saveScan(state, scan({ databaseUpdatedAtMs: 2_000, findings: [finding("CVE-9")] }), "nginx:1");
  assert.deepEqual(
    latestScan(state, digest("1"))?.findings.map(({ id }) => id),
    ["CVE-9"],
  );
  assert.deepEqual(
    listScans(state, digest("1")).map(({ counts }) => counts.HIGH),
    [2, 1],
  );
  const { rows } = state.database.prepare("SELECT count(*) AS rows FROM findings").get() ?? {};
  assert.equal(rows, 1);
});

test("a report that cannot be kept costs only the report, and is said", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  writeFileSync(reportFolder(state.folder), "in the way");
  saveScan(state, scan(), "nginx:1");
  assert.equal(latestScan(state, digest("1"))?.packageCount, 120);
  assert.match(state.problems[0] ?? "", /could not be kept/);
});

test("a report that is damaged is no report", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  saveScan(state, scan(), "nginx:1");
  writeFileSync(reportPath(state, digest("1")), "not gzip");
  assert.equal(readReport(state, digest("1")), null);
  rmSync(reportPath(state, digest("1")));
  mkdirSync(reportPath(state, digest("1")));
  assert.equal(readReport(state, digest("1")), null);
});
