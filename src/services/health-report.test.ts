import assert from "node:assert/strict";
import { test } from "node:test";
import type { Verdict } from "../ports.ts";
import type { CheckResult } from "./checks/check.ts";
import { compareWithBaseline, type HealthReport, whyBaselineHolds } from "./health-report.ts";

function result(probe: string, verdict: Verdict, more: Partial<CheckResult> = {}): CheckResult {
  const base = {
    evidence: `${probe}: ${verdict}`,
    durationMs: 1,
    isRequired: true,
    isPending: false,
  };
  return { probe, verdict, ...base, ...more };
}

function report(...probes: CheckResult[]): HealthReport {
  return {
    service: "app",
    container: "app",
    preset: "generic",
    presetWhy: "",
    verdict: "healthy",
    probes,
    durationMs: 1,
    containerId: "id",
    imageId: "image",
  };
}

test("only what got worse counts against the candidate", () => {
  const verdicts: Verdict[] = ["healthy", "unknown", "unhealthy"];
  for (const [before, former] of verdicts.entries()) {
    for (const [after, now] of verdicts.entries()) {
      const compared = compareWithBaseline(report(result("a", former)), report(result("a", now)));
      assert.equal(compared.worse.length, after > before ? 1 : 0, `${former} to ${now}`);
      const isReported = now !== "healthy" && after <= before;
      assert.equal(compared.asBefore.length, isReported ? 1 : 0, `${former} to ${now}`);
    }
  }
});

test("a probe that was not there before must be healthy, and a pending one has not passed", () => {
  assert.equal(compareWithBaseline(report(), report(result("a", "unknown"))).worse.length, 1);
  assert.equal(compareWithBaseline(null, report(result("a", "unhealthy"))).worse.length, 1);
  const pending = result("a", "unknown", { isPending: true });
  assert.equal(
    compareWithBaseline(report(result("a", "unhealthy")), report(pending)).worse.length,
    1,
  );
});

test("a required probe that cannot look holds the update, any other one does not", () => {
  assert.match(whyBaselineHolds(report(result("a", "unknown"))) ?? "", /cannot tell whether app/);
  assert.equal(whyBaselineHolds(report(result("a", "unknown", { isRequired: false }))), null);
  assert.equal(whyBaselineHolds(report(result("a", "unhealthy"))), null);
  assert.equal(whyBaselineHolds(report(result("a", "healthy"))), null);
});
