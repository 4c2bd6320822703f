import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { digest, temporaryState } from "../../test/temporary-state.ts";
import { isError, STATE_UNWRITABLE } from "../errors.ts";
import { PHASES, type Phase } from "../update/phases.ts";
import {
  closeOperation,
  countRecoveryAttempt,
  failedRollbacks,
  findOperation,
  mayFollow,
  openOperation,
  operationSteps,
  recordStep,
  recordStepIfPossible,
  savePlan,
  settleFailedRollback,
  unfinishedOperations,
} from "./journal.ts";
import { beginRun } from "./runs.ts";
import type { JournalEvent, State } from "./state.ts";

const BUG = { code: "ERR_ASSERTION" };

function open(state: State, ...containers: string[]): string {
  const runId = beginRun(state, { kind: "weekly", host: "amy", dryRun: false });
  return openOperation(state, { runId, kind: "update", containers, plan: { step: 0 } });
}

test("an operation is found again with its plan and its steps until it is closed", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  const id = open(state, "web", "api");
  assert.match(id, /^[0-9a-f]{8}$/);
  recordStep(state, id, { phase: "back-up", container: null });
  recordStep(state, id, { phase: "deploy", container: "web", detail: { image: digest("1") } });
  savePlan(state, id, { step: 1 });

  const [unfinished] = unfinishedOperations<{ step: number }>(state);
  assert.deepEqual(unfinished?.containers, ["web", "api"]);
  assert.deepEqual(unfinished?.plan, { step: 1 });
  assert.deepEqual(
    operationSteps(state, id).map(({ phase, container, detail }) => [phase, container, detail]),
    [
      ["back-up", null, null],
      ["deploy", "web", { image: digest("1") }],
    ],
  );
  closeOperation(state, id, "committed");
  assert.deepEqual(unfinishedOperations(state), []);
  assert.equal(findOperation(state, id)?.end, "committed");
});

test("members take turns: deploy and verify may repeat, and the group commits once", () => {
  using temporary = temporaryState();
  const id = open(temporary.state, "web", "api");
  const phases: Phase[] = ["back-up", "deploy", "verify", "deploy", "verify", "commit", "clean-up"];
  for (const phase of phases) recordStep(temporary.state, id, { phase, container: null });
  assert.equal(operationSteps(temporary.state, id).length, phases.length);
});

test("a phase out of order is a bug", () => {
  for (const [last, next] of [
    ["deploy", "back-up"],
    ["commit", "deploy"],
    ["commit", "roll-back"],
    ["roll-back", "commit"],
    ["roll-back", "deploy"],
    ["clean-up", "roll-back"],
  ] as const) {
    using temporary = temporaryState();
    const id = open(temporary.state, "web");
    recordStep(temporary.state, id, { phase: last, container: "web" });
    assert.throws(() => recordStep(temporary.state, id, { phase: next, container: "web" }), BUG);
    assert.equal(operationSteps(temporary.state, id).length, 1, "nothing was written");
  }
});

test("a roll back may begin at any point before commit, and be entered again", () => {
  for (const phase of ["back-up", "deploy", "verify", "roll-back"] as const) {
    assert.equal(mayFollow(phase, "roll-back"), true, phase);
  }
});

test("every way through the phases that is allowed ends, and none leads back behind commit", () => {
  const ways = fc.array(fc.constantFrom(...PHASES), { maxLength: 20 });
  fc.assert(
    fc.property(ways, (wishes) => {
      let last: Phase | null = null;
      const way: Phase[] = [];
      for (const next of wishes) {
        if (!mayFollow(last, next)) continue;
        way.push(next);
        last = next;
      }
      const final = way.findIndex((phase) => phase === "commit" || phase === "roll-back");
      if (final < 0) return;
      const after = new Set(way.slice(final));
      assert.ok(!(after.has("commit") && after.has("roll-back")));
      assert.ok(!after.has("deploy") && !after.has("verify") && !after.has("back-up"));
    }),
    { numRuns: 1000 },
  );
});

test("a closed operation is final", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  const id = open(state, "web");
  closeOperation(state, id, "abandoned");
  assert.throws(() => recordStep(state, id, { phase: "deploy", container: "web" }), BUG);
  assert.throws(() => savePlan(state, id, {}), BUG);
  assert.throws(() => closeOperation(state, id, "committed"), BUG);
  assert.throws(() => countRecoveryAttempt(state, id), BUG);
  assert.equal(findOperation(state, id)?.end, "abandoned");
});

test("a container belongs to at most one open operation", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  const id = open(state, "web", "api");
  assert.throws(() => open(state, "api"), BUG);
  open(state, "other");
  closeOperation(state, id, "committed");
  open(state, "api");
});

test("an operation that is not known is nothing, and a step of it is a bug", () => {
  using temporary = temporaryState();
  assert.equal(findOperation(temporary.state, "00000000"), null);
  const step = { phase: "deploy", container: null } as const;
  assert.throws(() => recordStep(temporary.state, "00000000", step), BUG);
  assert.throws(() => open(temporary.state), BUG, "an operation of no container");
});

test("a step of a container that is no member is a bug", () => {
  using temporary = temporaryState();
  const id = open(temporary.state, "web");
  assert.throws(() => recordStep(temporary.state, id, { phase: "deploy", container: "api" }), BUG);
});

test("attempts to recover are counted, also across restarts", () => {
  using temporary = temporaryState();
  const id = open(temporary.state, "web");
  assert.deepEqual(
    [1, 2, 3].map(() => countRecoveryAttempt(temporary.state, id)),
    [1, 2, 3],
  );
  assert.equal(unfinishedOperations(temporary.state)[0]?.recoveryAttempts, 3);
});

test("a failed roll back waits for a person until a later operation ends well", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  const failed = open(state, "web", "api");
  closeOperation(state, failed, "rollback-failed");
  assert.deepEqual(
    failedRollbacks(state).map(({ id }) => id),
    [failed],
  );
  closeOperation(state, open(state, "other"), "committed");
  closeOperation(state, open(state, "web"), "abandoned");
  assert.equal(failedRollbacks(state).length, 1);
  closeOperation(state, open(state, "web"), "rolled-back");
  assert.deepEqual(failedRollbacks(state), []);
});

test("a failed roll back that a person has mended waits no more, and stays what it was", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  const id = open(state, "web", "api");
  closeOperation(state, id, "rollback-failed");
  const [failed] = failedRollbacks(state);
  assert.ok(failed);
  settleFailedRollback(state, failed, failed.runId);
  assert.deepEqual(failedRollbacks(state), []);
  assert.deepEqual(unfinishedOperations(state), []);
  assert.equal(findOperation(state, id)?.end, "rollback-failed");
});

test("the observer is told after the commit, and not of what was rolled back", () => {
  const seen: string[] = [];
  const told = (event: JournalEvent) => {
    assert.equal(temporary.state.database.isTransaction, false);
    seen.push(`${event.entry} ${event.container}`);
  };
  using temporary = temporaryState({ onStep: told });
  const { state } = temporary;
  const id = open(state, "web");
  state.transaction(() => {
    recordStep(state, id, { phase: "commit", container: "web" });
    assert.deepEqual(seen, ["open null"]);
  });
  assert.throws(() =>
    state.transaction(() => {
      recordStep(state, id, { phase: "clean-up", container: "web" });
      throw new Error("not this time");
    }),
  );
  savePlan(state, id, {});
  countRecoveryAttempt(state, id);
  closeOperation(state, id, "committed");
  assert.deepEqual(seen, [
    "open null",
    "commit web",
    "plan null",
    "recovery null",
    "close committed null",
  ]);
});

test("a step that cannot be made durable is refused; a roll back goes on without it", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  const id = open(state, "web");
  state.database.exec("PRAGMA query_only = ON");
  const detail = { phase: "deploy", container: "web" } as const;
  assert.throws(
    () => recordStep(state, id, detail),
    (error) => isError(error, STATE_UNWRITABLE),
  );
  assert.equal(recordStepIfPossible(state, id, { phase: "roll-back", container: "web" }), false);
  assert.equal(state.problems.length, 1);
  state.database.exec("PRAGMA query_only = OFF");
  assert.equal(recordStepIfPossible(state, id, { phase: "roll-back", container: "web" }), true);
});
