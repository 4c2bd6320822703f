import assert from "node:assert/strict";
import { test } from "node:test";
import { countAttempt } from "./attempts.ts";

test("a digest is quarantined when its failures reach the limit (I11)", () => {
  assert.deepEqual(countAttempt(1, "unhealthy", 3), { failedAttempts: 2, isQuarantined: false });
  assert.deepEqual(countAttempt(2, "unhealthy", 3), { failedAttempts: 3, isQuarantined: true });
});

test("a failure with an unknown verdict does not count (I11)", () => {
  assert.deepEqual(countAttempt(2, "unknown", 3), { failedAttempts: 2, isQuarantined: false });
});

test("a limit below one still allows one try", () => {
  assert.deepEqual(countAttempt(0, "unknown", 0), { failedAttempts: 0, isQuarantined: false });
  assert.deepEqual(countAttempt(0, "unhealthy", 0), { failedAttempts: 1, isQuarantined: true });
});
