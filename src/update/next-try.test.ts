import assert from "node:assert/strict";
import { test } from "node:test";
import { nextTryMs } from "./next-try.ts";

const NOTHING = {
  timezone: "UTC",
  weekly: null,
  retry: null,
  check: "0 1 * * *",
  backup: "0 1 * * *",
  drill: null,
  never: [],
};
const SATURDAY_MS = Date.UTC(2026, 10, 28, 12);

test("the queue is looked at by the next retry or weekly run, whichever comes first", () => {
  const weekly = nextTryMs({ ...NOTHING, weekly: "30 4 * * 3" }, SATURDAY_MS);
  assert.equal(weekly, Date.UTC(2026, 11, 2, 4, 30));
  const both = { ...NOTHING, weekly: "30 4 * * 3", retry: "30 4 * * *" };
  assert.equal(nextTryMs(both, SATURDAY_MS), Date.UTC(2026, 10, 29, 4, 30));
});

test("without a schedule nobody knows when it is looked at", () => {
  assert.equal(nextTryMs(NOTHING, SATURDAY_MS), null);
});
