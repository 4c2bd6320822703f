import assert from "node:assert/strict";
import test from "node:test";
import { LATEST_MS, whatIsDue } from "./due.ts";

const SCHEDULE = "30 4 * * 3 Europe/Berlin";
const MINUTE_MS = 60_000;
/** Wednesday 04:30 and the one before. */
const DUE_MS = Date.UTC(2026, 11, 2, 3, 30);
const BEFORE_MS = DUE_MS - 7 * 24 * 60 * MINUTE_MS;

function at(nowMs: number, settledMs: number | null, lastMs: number | null = DUE_MS) {
  const mark = settledMs === null ? null : { schedule: SCHEDULE, dueMs: settledMs };
  return whatIsDue({ schedule: SCHEDULE, mark, lastMs, nowMs, aheadSinceMs: null });
}

test("a job is due from its minute on until it is settled", () => {
  assert.deepEqual(at(DUE_MS - 1, BEFORE_MS, BEFORE_MS), { kind: "not-due" });
  assert.deepEqual(at(DUE_MS, BEFORE_MS), { kind: "due", dueMs: DUE_MS });
  assert.deepEqual(at(DUE_MS + MINUTE_MS, DUE_MS), { kind: "not-due" });
});

test("a job that was missed by up to six hours is due, a later one is reported", () => {
  assert.deepEqual(at(DUE_MS + LATEST_MS, BEFORE_MS), { kind: "due", dueMs: DUE_MS });
  assert.deepEqual(at(DUE_MS + LATEST_MS + 1, BEFORE_MS), { kind: "missed", dueMs: DUE_MS });
});

test("a first start and a changed schedule make up for nothing", () => {
  assert.deepEqual(at(DUE_MS + MINUTE_MS, null), { kind: "new" });
  const mark = { schedule: "0 4 * * 3 Europe/Berlin", dueMs: BEFORE_MS };
  const facts = { schedule: SCHEDULE, mark, lastMs: DUE_MS, nowMs: DUE_MS, aheadSinceMs: null };
  assert.deepEqual(whatIsDue(facts), { kind: "new" });
});

test("a clock that is set back does not repeat what has happened", () => {
  assert.deepEqual(at(DUE_MS - 60 * MINUTE_MS, DUE_MS, BEFORE_MS), { kind: "not-due" });
  assert.deepEqual(at(DUE_MS + MINUTE_MS, DUE_MS), { kind: "not-due" });
});

test("a clock that was years ahead once does not stop the schedule", () => {
  const mark = { schedule: SCHEDULE, dueMs: DUE_MS + 4 * 365 * 24 * 60 * MINUTE_MS };
  const facts = { schedule: SCHEDULE, mark, lastMs: DUE_MS };
  const since = DUE_MS - 24 * 60 * MINUTE_MS;
  assert.deepEqual(whatIsDue({ ...facts, lastMs: BEFORE_MS, nowMs: since, aheadSinceMs: since }), {
    kind: "not-due",
  });
  assert.deepEqual(whatIsDue({ ...facts, nowMs: DUE_MS, aheadSinceMs: since }), {
    kind: "due",
    dueMs: DUE_MS,
  });
});

test("a schedule without a past time is not due", () => {
  assert.deepEqual(at(DUE_MS, BEFORE_MS, null), { kind: "not-due" });
});
