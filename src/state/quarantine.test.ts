import assert from "node:assert/strict";
import { test } from "node:test";
import { digest, HOUR_MS, temporaryState } from "../../test/temporary-state.ts";
import { addApproval, listApprovals, removeApprovals } from "./approvals.ts";
import {
  isQuarantined,
  liftQuarantine,
  listQuarantine,
  quarantineDigest,
  quarantineEntry,
  recordFailedAttempt,
} from "./quarantine.ts";
import type { State } from "./state.ts";

function fail(state: State, digit: string, verdict: "unhealthy" | "unknown" = "unhealthy") {
  const failure = { container: "web", digest: digest(digit), why: "no answer", maxAttempts: 3 };
  return recordFailedAttempt(state, { ...failure, verdict });
}

test("a digest is tried until maxAttempts and is then quarantined (I11)", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  fail(state, "1");
  assert.equal(fail(state, "1").failedAttempts, 2);
  assert.equal(isQuarantined(state, "web", digest("1")), false);
  temporary.pass(HOUR_MS);
  assert.equal(fail(state, "1").quarantinedAtMs, state.now());
  assert.equal(isQuarantined(state, "web", digest("1")), true);
  assert.equal(isQuarantined(state, "api", digest("1")), false, "only for this container");
});

test("failures with an unknown verdict do not count (I11)", () => {
  using temporary = temporaryState();
  for (let count = 0; count < 9; count += 1) fail(temporary.state, "1", "unknown");
  assert.equal(isQuarantined(temporary.state, "web", digest("1")), false);
  assert.equal(quarantineEntry(temporary.state, "web", digest("1"))?.failedAttempts, 0);
});

test("a newer digest starts afresh, and the old one is not forgotten (I11)", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  for (let count = 0; count < 3; count += 1) fail(state, "1");
  assert.equal(fail(state, "2").failedAttempts, 1);
  assert.equal(isQuarantined(state, "web", digest("1")), true);
  assert.equal(listQuarantine(state, "web").length, 2);
});

test("a digest left by a manual roll back is quarantined at once (I11)", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  quarantineDigest(state, "web", digest("1"), "left by a manual roll back");
  assert.equal(isQuarantined(state, "web", digest("1")), true);
  assert.equal(quarantineEntry(state, "web", digest("1"))?.failedAttempts, 0);
});

test("a quarantine keeps its date when the digest fails again", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  const since = quarantineDigest(state, "web", digest("1"), "roll back").quarantinedAtMs;
  temporary.pass(HOUR_MS);
  assert.equal(fail(state, "1").quarantinedAtMs, since);
});

test("approving a digest lifts its quarantine, approving findings does not (I11)", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  quarantineDigest(state, "web", digest("1"), "roll back");
  quarantineDigest(state, "web", digest("2"), "roll back");
  const by = { container: "web", reason: "reviewed", by: "admin", expiresAtMs: null };
  addApproval(state, { ...by, digest: null, ids: ["CVE-1"] });
  assert.equal(isQuarantined(state, "web", digest("1")), true);
  addApproval(state, { ...by, digest: digest("1"), ids: [] });
  assert.equal(isQuarantined(state, "web", digest("1")), false);
  assert.equal(isQuarantined(state, "web", digest("2")), true);
});

test("the list is by container, the latest failure first", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  fail(state, "1");
  temporary.pass(HOUR_MS);
  fail(state, "2");
  quarantineDigest(state, "api", digest("3"), "roll back");
  const list = listQuarantine(state).map((entry) => [entry.container, entry.digest.at(-1)]);
  assert.deepEqual(list, [
    ["api", "3"],
    ["web", "2"],
    ["web", "1"],
  ]);
});

test("lifting forgets one digest, or all of a container", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  for (const digit of ["1", "2", "3"]) fail(state, digit);
  assert.equal(liftQuarantine(state, "web", digest("1")), 1);
  assert.equal(liftQuarantine(state, "api", null), 0);
  assert.equal(liftQuarantine(state, "web", null), 2);
  assert.deepEqual(listQuarantine(state), []);
});

test("approvals are kept with their reason and can be taken back", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  const approval = {
    container: "web",
    digest: null,
    ids: ["CVE-1", "CVE-2"],
    reason: "the module is not loaded",
    by: "admin",
    expiresAtMs: state.now() + HOUR_MS,
  };
  const stored = addApproval(state, approval);
  assert.deepEqual(listApprovals(state, "web"), [
    { ...approval, id: stored.id, approvedAtMs: state.now() },
  ]);
  const later = addApproval(state, { ...approval, container: "api" });
  assert.deepEqual(
    listApprovals(state).map(({ id }) => id),
    [later.id, stored.id],
  );
  assert.equal(removeApprovals(state, "api"), 1);
  assert.deepEqual(
    listApprovals(state).map(({ id }) => id),
    [stored.id],
  );
  assert.equal(removeApprovals(state, "api"), 0);
});

test("an approval without a reason, or of nothing, is a bug", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  const approval = {
    container: "web",
    by: "admin",
    expiresAtMs: null,
    ids: [],
    digest: digest("1"),
  };
  assert.throws(() => addApproval(state, { ...approval, reason: " " }), { code: "ERR_ASSERTION" });
  assert.throws(() => addApproval(state, { ...approval, reason: "x", digest: null }), {
    code: "ERR_ASSERTION",
  });
});
