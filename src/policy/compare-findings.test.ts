import assert from "node:assert/strict";
import { test } from "node:test";
import type { Finding, Severity } from "../ports.ts";
import { compareFindings } from "./compare-findings.ts";

function scanned(...findings: [id: string, severity: Severity, packageName?: string][]) {
  return {
    kind: "scanned" as const,
    findings: findings.map(
      ([id, severity, name = "zlib"]): Finding => ({
        id,
        severity,
        package: name,
        installedVersion: "1",
        fixedVersion: null,
        status: "",
        title: "",
        url: null,
      }),
    ),
  };
}

test("compares sets of ids, the most severe first", () => {
  const running = scanned(["CVE-3", "LOW"], ["CVE-2", "HIGH"], ["CVE-1", "LOW"]);
  const candidate = scanned(["CVE-1", "LOW"], ["CVE-5", "MEDIUM"], ["CVE-4", "CRITICAL"]);
  assert.deepEqual(compareFindings(candidate, running), {
    running: { CRITICAL: 0, HIGH: 1, MEDIUM: 0, LOW: 2, UNKNOWN: 0 },
    candidate: { CRITICAL: 1, HIGH: 0, MEDIUM: 1, LOW: 1, UNKNOWN: 0 },
    fixed: ["CVE-2", "CVE-3"],
    new: ["CVE-4", "CVE-5"],
    both: ["CVE-1"],
  });
});

test("ids of one severity are in the same order everywhere", () => {
  const ids = ["GHSA-1", "CVE-9", "CVE-10", "CVE-1"];
  const sorted = ["CVE-1", "CVE-10", "CVE-9", "GHSA-1"];
  for (const order of [ids, [...ids].reverse()]) {
    const candidate = scanned(...order.map((id): [string, Severity] => [id, "HIGH"]));
    assert.deepEqual(compareFindings(candidate, scanned()).new, sorted);
  }
});

test("a package split into two does not change the counts", () => {
  const whole = scanned(["CVE-1", "HIGH", "openssl"]);
  const split = scanned(["CVE-1", "HIGH", "openssl"], ["CVE-1", "HIGH", "libssl"]);
  const comparison = compareFindings(split, whole);
  assert.equal(comparison.candidate.HIGH, 1);
  assert.deepEqual(comparison.new, []);
});

test("an id that packages rate differently counts with its highest severity", () => {
  const comparison = compareFindings(scanned(["CVE-1", "LOW"], ["CVE-1", "HIGH", "b"]), null);
  assert.deepEqual(comparison.candidate, { CRITICAL: 0, HIGH: 1, MEDIUM: 0, LOW: 0, UNKNOWN: 0 });
});

test("calls nothing fixed or new where the running image was not scanned", () => {
  const failure = { kind: "unknown", reason: "failed", why: "gone" } as const;
  for (const running of [null, failure]) {
    const comparison = compareFindings(scanned(["CVE-1", "HIGH"]), running);
    assert.equal(comparison.running, null);
    assert.deepEqual([comparison.fixed, comparison.new, comparison.both], [[], [], []]);
  }
});
