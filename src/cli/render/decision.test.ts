import assert from "node:assert/strict";
import test from "node:test";
import type { Comparison, Decision } from "../../policy/decision.ts";
import { blockLines, decisionLines, decisionSummary } from "./decision.ts";

const NONE = { CRITICAL: 0, HIGH: 0, MEDIUM: 0, LOW: 0, UNKNOWN: 0 };

const COMPARISON: Comparison = {
  running: { ...NONE, HIGH: 14 },
  candidate: { ...NONE, HIGH: 3 },
  fixed: Array.from({ length: 11 }, (_, index) => `CVE-2026-${index}`),
  new: [],
  both: ["CVE-1", "CVE-2", "CVE-3"],
};

const BLOCKED: Extract<Decision, { kind: "block" }> = {
  kind: "block",
  blockers: [{ rule: "severity", severity: "HIGH", ids: ["CVE-1", "CVE-2", "CVE-3"] }],
  comparison: COMPARISON,
  expiredApprovals: [
    { digest: null, ids: ["CVE-1"], reason: "not reachable", expiresAtMs: Date.UTC(2026, 0, 5) },
  ],
};

test("a blocked decision states its findings, the comparison and which is the greater risk", () => {
  assert.deepEqual(decisionLines(BLOCKED), [
    "BLOCKED: 3 HIGH: CVE-1, CVE-2, CVE-3",
    "running: 14 HIGH, candidate: 3 HIGH, 11 fixed, 0 new",
    "what runs now is worse than the candidate: not updating is the greater risk",
    "no longer approved: CVE-1 (not reachable), until 2026-01-05",
  ]);
});

test("a cell of a table has the reason and the change in a few words", () => {
  assert.equal(decisionSummary(BLOCKED), "3 HIGH; 11 fixed, 0 new");
  const notScanned = { ...COMPARISON, running: null };
  assert.equal(
    decisionSummary({ ...BLOCKED, comparison: notScanned }),
    "3 HIGH; what runs was not scanned",
  );
  assert.equal(
    decisionSummary({ kind: "hold", reason: "database", why: "it is 3 d old" }),
    "the vulnerability database is too old or its age is unknown",
  );
  assert.equal(decisionSummary({ kind: "pass", comparison: null, approvals: [] }), "");
});

test("below a table of findings stand the comparison, the risk and the way past the gate", () => {
  assert.deepEqual(blockLines(BLOCKED, "web"), [
    "running: 14 HIGH, candidate: 3 HIGH, 11 fixed, 0 new",
    "what runs now is worse than the candidate: not updating is the greater risk",
    "no longer approved: CVE-1 (not reachable), until 2026-01-05",
    "to let it pass: pratique queue approve web --reason TEXT",
  ]);
});

test("nobody is told how to approve an image that carries malware", () => {
  const blockers = [{ rule: "denied-image", severity: null, ids: [] }] as const;
  const denied = { ...BLOCKED, blockers, comparison: null, expiredApprovals: [] };
  assert.deepEqual(blockLines(denied, "web"), []);
});

test("what passes but is named says so", () => {
  const [first] = decisionLines({
    kind: "warn",
    comparison: COMPARISON,
    approvals: [],
    named: ["CVE-9"],
  });
  assert.equal(first, "WARN: passes, named: CVE-9");
});
