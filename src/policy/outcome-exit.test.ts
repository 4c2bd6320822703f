import assert from "node:assert/strict";
import { test } from "node:test";
import type { Outcome } from "../update/outcome.ts";
import { outcomeExit } from "./outcome-exit.ts";

function ended(...kinds: Outcome["kind"][]) {
  return kinds.map((kind) => ({ outcome: { kind } }));
}

test("a run that updated or found nothing to do exits 0", () => {
  assert.equal(outcomeExit([]), 0);
  assert.equal(outcomeExit(ended("updated", "up-to-date", "skipped", "available")), 0);
  assert.equal(outcomeExit(ended("would-update")), 0);
});

test("something blocked or held exits 3, unless something failed", () => {
  assert.equal(outcomeExit(ended("updated", "blocked")), 3);
  assert.equal(outcomeExit(ended("held")), 3);
  for (const failed of ["failed", "rolled-back", "rollback-failed"] as const) {
    assert.equal(outcomeExit(ended("blocked", failed, "updated")), 1);
  }
});

test("a missing environment exits 4, unless something failed", () => {
  assert.equal(outcomeExit(ended("held"), { isEnvironmentMissing: true }), 4);
  assert.equal(outcomeExit(ended("failed"), { isEnvironmentMissing: true }), 1);
});

test("a run that a signal ended early exits 130, unless something failed or is missing", () => {
  assert.equal(outcomeExit([], { isStopped: true }), 130);
  assert.equal(outcomeExit(ended("updated", "blocked"), { isStopped: true }), 130);
  assert.equal(outcomeExit(ended("rolled-back"), { isStopped: true }), 1);
  assert.equal(outcomeExit([], { isStopped: true, isEnvironmentMissing: true }), 4);
});
