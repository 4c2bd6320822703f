// Invariants: steps are only appended, before what they name is done (I5); phases come in the
// order of PHASES; a container belongs to at most one open operation; a closed operation is final.
import type { Phase } from "../update/phases.ts";
import { PHASES } from "../update/phases.ts";
import { jsonOf, jsonOrNull, numberOf, numberOrNull, textOf, textOrNull } from "./columns.ts";
import { invariant } from "./invariant.ts";
import type { Row, State, TransactionOptions } from "./state.ts";
import { isUnwritable, sqliteCode } from "./state.ts";

export type OperationKind = "update" | "rollback";
export type OperationEnd = "committed" | "rolled-back" | "rollback-failed" | "abandoned";

/** One group's way from back-up to clean-up. `Plan` is the procedure's own shape, kept as JSON. */
export interface Operation<Plan = unknown> {
  id: string;
  runId: string;
  kind: OperationKind;
  containers: readonly string[];
  plan: Plan;
  openedAtMs: number;
  closedAtMs: number | null;
  end: OperationEnd | null;
  recoveryAttempts: number;
}

export interface Step {
  phase: Phase;
  container: string | null;
  detail: unknown;
  atMs: number;
}

export interface NewStep {
  phase: Phase;
  /** Null when the step is the whole group's. */
  container: string | null;
  /** Plain data, kept as JSON. */
  detail?: unknown;
}

/**
 * Opens an operation and returns its id: eight hexadecimal digits, also used in container names.
 * Every member must be free of other open operations: recovery runs first.
 */
export function openOperation(
  state: State,
  operation: { runId: string; kind: OperationKind; containers: readonly string[]; plan: unknown },
): string {
  return state.transaction(() => {
    invariant(operation.containers.length > 0, "an operation has at least one container");
    const busy = new Set(unfinishedOperations(state).flatMap((open) => open.containers));
    for (const name of operation.containers) {
      invariant(!busy.has(name), `${name} belongs to another open operation`);
    }
    const row = state.database
      .prepare(
        `INSERT INTO operations (id, run_id, kind, containers, plan, opened_at_ms)
         VALUES (lower(hex(randomblob(4))), ?, ?, ?, ?, ?) RETURNING id`,
      )
      .get(
        operation.runId,
        operation.kind,
        JSON.stringify(operation.containers),
        JSON.stringify(operation.plan),
        state.now(),
      );
    const id = textOf(row?.id);
    announce(state, id, "open", null);
    return id;
  });
}

/**
 * Commits the intent to do a step; the caller acts after it returns. Throws STATE_UNWRITABLE when
 * it could not be made durable: then do not act.
 */
export function recordStep(
  state: State,
  operationId: string,
  step: NewStep,
  options: TransactionOptions = {},
): void {
  state.transaction(() => {
    const operation = findOperation(state, operationId);
    invariant(operation !== null, `there is no operation ${operationId}`);
    invariant(operation.end === null, `operation ${operationId} is closed`);
    invariant(
      step.container === null || operation.containers.includes(step.container),
      `${step.container} is no member of operation ${operationId}`,
    );
    const last = lastPhase(state, operationId);
    invariant(mayFollow(last, step.phase), `${step.phase} must not follow ${last}`);
    state.database
      .prepare(
        "INSERT INTO steps (operation_id, phase, container, detail, at_ms) VALUES (?, ?, ?, ?, ?)",
      )
      .run(
        operationId,
        step.phase,
        step.container,
        step.detail === undefined ? null : JSON.stringify(step.detail),
        state.now(),
      );
    invariant(lastPhase(state, operationId) === step.phase, "the journal reads back what it wrote");
    announce(state, operationId, step.phase, step.container);
  }, options);
}

/**
 * `recordStep` for roll back and clean-up, which a full disk must not stop (facts rule 2): false
 * when the journal could not be written, and the state's problems say so.
 */
export function recordStepIfPossible(state: State, operationId: string, step: NewStep): boolean {
  try {
    recordStep(state, operationId, step, { isEssential: true });
    return true;
  } catch (error) {
    if (!isUnwritable(error)) throw error;
    state.report(error.message);
    return false;
  }
}

/** Replaces the plan: what has been learned on the way (new container ids, backups made). */
export function savePlan(state: State, operationId: string, plan: unknown): void {
  state.transaction(() => {
    const { changes } = state.database
      .prepare("UPDATE operations SET plan = ? WHERE id = ? AND end IS NULL")
      .run(JSON.stringify(plan), operationId);
    invariant(changes === 1, `operation ${operationId} is not open`);
    announce(state, operationId, "plan", null);
  });
}

/** Ends an operation. Belongs in one transaction with the outcome and its event (I6). */
export function closeOperation(state: State, operationId: string, end: OperationEnd): void {
  state.transaction(() => {
    const { changes } = state.database
      .prepare("UPDATE operations SET end = ?, closed_at_ms = ? WHERE id = ? AND end IS NULL")
      .run(end, state.now(), operationId);
    invariant(changes === 1, `operation ${operationId} is not open`);
    announce(state, operationId, `close ${end}`, null);
  });
}

/** Operations that a crash interrupted, or that run now, oldest first. */
export function unfinishedOperations<Plan = unknown>(state: State): Operation<Plan>[] {
  return state.database
    .prepare("SELECT * FROM operations WHERE end IS NULL ORDER BY opened_at_ms, rowid")
    .all()
    .map((row) => toOperation<Plan>(row));
}

/** Failed roll backs that wait for a person: no later operation of the same container ended well. */
export function failedRollbacks<Plan = unknown>(state: State): Operation<Plan>[] {
  return state.database
    .prepare(
      `SELECT * FROM operations AS failed
       WHERE failed.end = 'rollback-failed' AND NOT EXISTS (
         SELECT 1 FROM operations AS later, json_each(later.containers) AS member
         WHERE later.rowid > failed.rowid AND later.end IN ('committed', 'rolled-back')
           AND member.value IN (SELECT value FROM json_each(failed.containers)))
       ORDER BY failed.rowid`,
    )
    .all()
    .map((row) => toOperation<Plan>(row));
}

/**
 * A failed roll back that a person has mended is closed: what they did is on record as an operation
 * of its own, because a closed one is final.
 */
export function settleFailedRollback(state: State, failed: Operation, runId: string): void {
  state.transaction(() => {
    invariant(failed.end === "rollback-failed", `operation ${failed.id} is no failed roll back`);
    const { containers, plan } = failed;
    closeOperation(
      state,
      openOperation(state, { runId, kind: "rollback", containers, plan }),
      "committed",
    );
  });
}

export function findOperation<Plan = unknown>(
  state: State,
  operationId: string,
): Operation<Plan> | null {
  const row = state.database.prepare("SELECT * FROM operations WHERE id = ?").get(operationId);
  return row === undefined ? null : toOperation<Plan>(row);
}

/** The steps of an operation, in the order in which they were recorded. */
export function operationSteps(state: State, operationId: string): Step[] {
  return state.database
    .prepare("SELECT * FROM steps WHERE operation_id = ? ORDER BY id")
    .all(operationId)
    .map((row) => ({
      phase: textOf(row.phase) as Phase,
      container: textOrNull(row.container),
      detail: jsonOrNull(row.detail),
      atMs: numberOf(row.at_ms),
    }));
}

/** Recovery must begin on a full disk too. */
const ESSENTIAL = { isEssential: true };

/** Counts one more attempt to recover an operation and returns the number, for the loop limit. */
export function countRecoveryAttempt(state: State, operationId: string): number {
  return state.transaction(() => {
    const row = state.database
      .prepare(
        `UPDATE operations SET recovery_attempts = recovery_attempts + 1
         WHERE id = ? AND end IS NULL RETURNING recovery_attempts`,
      )
      .get(operationId);
    invariant(row !== undefined, `operation ${operationId} is not open`);
    announce(state, operationId, "recovery", null);
    return numberOf(row.recovery_attempts);
  }, ESSENTIAL);
}

/**
 * Whether a phase may come after another. Members of a group take turns in deploy and verify; a
 * roll back may begin at any point before commit; after commit nothing is undone by itself.
 */
export function mayFollow(last: Phase | null, next: Phase): boolean {
  if (last === null || last === next) return true;
  if (next === "roll-back") return last !== "commit" && last !== "clean-up";
  if (last === "verify" && next === "deploy") return true;
  if (last === "roll-back") return next === "clean-up";
  return PHASES.indexOf(next) > PHASES.indexOf(last);
}

function lastPhase(state: State, operationId: string): Phase | null {
  const row = state.database
    .prepare("SELECT phase FROM steps WHERE operation_id = ? ORDER BY id DESC LIMIT 1")
    .get(operationId);
  return row === undefined ? null : (textOf(row.phase) as Phase);
}

/**
 * Tells the observer once the entry is durable. It is brought from the log into the database at
 * once: people remove a `-wal` file to "repair" a database, and an unfinished update must outlive
 * that. On a full disk it stays in the log.
 */
function announce(
  state: State,
  operationId: string,
  entry: string,
  container: string | null,
): void {
  state.afterCommit(() => bringIntoDatabase(state), "checkpoint");
  state.afterCommit(() => state.onStep?.({ operationId, entry, container }));
}

function bringIntoDatabase({ database }: State): void {
  try {
    database.exec("PRAGMA wal_checkpoint(PASSIVE)");
  } catch (error) {
    if (sqliteCode(error) === null) throw error;
  }
}

function toOperation<Plan>(row: Row): Operation<Plan> {
  return {
    id: textOf(row.id),
    runId: textOf(row.run_id),
    kind: textOf(row.kind) as OperationKind,
    containers: jsonOf<string[]>(row.containers),
    plan: jsonOf<Plan>(row.plan),
    openedAtMs: numberOf(row.opened_at_ms),
    closedAtMs: numberOrNull(row.closed_at_ms),
    end: textOrNull(row.end) as OperationEnd | null,
    recoveryAttempts: numberOf(row.recovery_attempts),
  };
}
