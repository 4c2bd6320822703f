import assert from "node:assert/strict";
import { test } from "node:test";
import type { Comparison, SeverityCounts } from "./decision.ts";
import {
  approvalText,
  blockersText,
  changeText,
  comparisonText,
  countsText,
  idsText,
  isKeepingWorse,
} from "./decision-text.ts";

function counts(changes: Partial<SeverityCounts> = {}): SeverityCounts {
  return { CRITICAL: 0, HIGH: 0, MEDIUM: 0, LOW: 0, UNKNOWN: 0, ...changes };
}

function comparison(
  running: SeverityCounts | null,
  candidate: SeverityCounts,
  changes: Partial<Comparison> = {},
): Comparison {
  return { running, candidate, fixed: [], new: [], both: [], ...changes };
}

test("counts are named by severity, the worst first, or there are no findings", () => {
  assert.equal(countsText(counts({ LOW: 2, CRITICAL: 1 })), "1 CRITICAL, 2 LOW");
  assert.equal(countsText(counts()), "no findings");
});

test("a comparison states both sides and the change", () => {
  const changes = { fixed: ["CVE-1"], new: ["CVE-2", "CVE-3"] };
  assert.equal(
    comparisonText(comparison(counts({ HIGH: 14 }), counts({ HIGH: 3 }), changes)),
    "running: 14 HIGH, candidate: 3 HIGH, 1 fixed, 2 new",
  );
  assert.equal(
    comparisonText(comparison(null, counts({ HIGH: 3 }))),
    "running: not scanned, candidate: 3 HIGH",
  );
});

test("where room is short a comparison is the change alone", () => {
  const changes = { fixed: ["CVE-1"], new: ["CVE-2", "CVE-3"] };
  assert.equal(changeText(comparison(counts(), counts(), changes)), "1 fixed, 2 new");
  assert.equal(changeText(comparison(null, counts())), "what runs was not scanned");
});

test("keeping what runs is worse when it has more of the worst severity in which they differ", () => {
  for (const [running, candidate, expected] of [
    [{ HIGH: 14 }, { HIGH: 3 }, true],
    [{ HIGH: 3 }, { HIGH: 3 }, false],
    [{ HIGH: 3 }, { HIGH: 14 }, false],
    [{ CRITICAL: 1 }, { HIGH: 99 }, true],
    [{ HIGH: 99 }, { CRITICAL: 1 }, false],
    [{ MEDIUM: 99 }, {}, false],
  ] as const) {
    const given = comparison(counts(running), counts(candidate));
    assert.equal(isKeepingWorse(given), expected, comparisonText(given));
  }
  assert.equal(isKeepingWorse(comparison(null, counts())), false);
});

test("a list of ids says how many more there are, and not that there are none", () => {
  const ids = ["CVE-1", "CVE-2", "CVE-3"];
  assert.equal(idsText(ids, 3), "CVE-1, CVE-2, CVE-3");
  assert.equal(idsText(ids, 2), "CVE-1, CVE-2 and 1 more");
});

test("blockers say what is new", () => {
  assert.equal(
    blockersText([
      { rule: "new-risk", severity: "CRITICAL", ids: ["CVE-1"] },
      { rule: "severity", severity: "HIGH", ids: ["CVE-2", "CVE-3"] },
    ]),
    "1 new CRITICAL: CVE-1; 2 HIGH: CVE-2, CVE-3",
  );
});

test("an approval says what, why and until when", () => {
  const digest = `sha256:${"a".repeat(64)}` as const;
  assert.equal(
    approvalText({ digest, ids: [], reason: "by hand", expiresAtMs: null }),
    "approved: aaaaaaaaaaaa (by hand)",
  );
  assert.equal(
    approvalText({ digest, ids: ["CVE-1"], reason: "not loaded", expiresAtMs: 0 }),
    "approved: CVE-1 (not loaded), until 1970-01-01",
  );
});
