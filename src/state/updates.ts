// Invariants: one row per container and run (I6); rows are only appended.
import type { Decision } from "../policy/decision.ts";
import type { Outcome } from "../update/outcome.ts";
import type { Phase } from "../update/phases.ts";
import type { Digest } from "../values/digest.ts";
import {
  digestOrNull,
  jsonOf,
  jsonOrNull,
  numberOf,
  numberOrNull,
  textOf,
  textOrNull,
} from "./columns.ts";
import type { Row, State } from "./state.ts";

/** What is kept of one container's way through a run. */
export interface NewUpdate {
  runId: string;
  container: string;
  service: string;
  reference: string;
  outcome: Outcome;
  from: { digest: Digest | null; imageId: string | null };
  to: { digest: Digest | null; imageId: string | null };
  decision: Decision | null;
  databaseUpdatedAtMs: number | null;
  scannerVersion: string | null;
  /** The gate policy in force, as data. */
  policy: unknown;
  phases: readonly { phase: Phase; durationMs: number }[];
  downtimeMs: number | null;
  /** Finding ids that the candidate removed and brought. */
  fixed: readonly string[];
  new: readonly string[];
}

export interface Update extends NewUpdate {
  id: number;
  atMs: number;
}

/**
 * Appends one container's outcome to the history and returns its number. A second outcome of the
 * same container in the same run is a bug and throws.
 */
export function recordUpdate(state: State, update: NewUpdate): number {
  return state.transaction(() => {
    const { lastInsertRowid } = state.database
      .prepare(
        `INSERT INTO updates (run_id, container, service, reference, outcome_kind, outcome,
           from_digest, from_image_id, to_digest, to_image_id, decision, database_updated_at_ms,
           scanner_version, policy, phases, downtime_ms, fixed, new, at_ms)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        update.runId,
        update.container,
        update.service,
        update.reference,
        update.outcome.kind,
        JSON.stringify(update.outcome),
        update.from.digest,
        update.from.imageId,
        update.to.digest,
        update.to.imageId,
        update.decision === null ? null : JSON.stringify(update.decision),
        update.databaseUpdatedAtMs,
        update.scannerVersion,
        update.policy === undefined || update.policy === null
          ? null
          : JSON.stringify(update.policy),
        JSON.stringify(update.phases),
        update.downtimeMs,
        JSON.stringify(update.fixed),
        JSON.stringify(update.new),
        state.now(),
      );
    return Number(lastInsertRowid);
  });
}

export interface UpdateFilter {
  container?: string;
  runId?: string;
  /** Only these outcomes; all when absent. */
  kinds?: readonly Outcome["kind"][];
  limit?: number;
}

/** The history, newest first; 50 rows unless told otherwise. */
export function listUpdates(state: State, filter: UpdateFilter = {}): Update[] {
  const kinds = filter.kinds === undefined ? null : JSON.stringify(filter.kinds);
  return state.database
    .prepare(
      `SELECT * FROM updates
       WHERE (:container IS NULL OR container = :container)
         AND (:run IS NULL OR run_id = :run)
         AND (:kinds IS NULL OR outcome_kind IN (SELECT value FROM json_each(:kinds)))
       ORDER BY id DESC LIMIT :limit`,
    )
    .all({
      container: filter.container ?? null,
      run: filter.runId ?? null,
      kinds,
      limit: filter.limit ?? 50,
    })
    .map(toUpdate);
}

/** Each container's latest row with one of these outcomes, by container name. */
export function lastUpdates(
  state: State,
  kinds: readonly Outcome["kind"][] = ["updated", "rolled-back", "rollback-failed", "failed"],
): Map<string, Update> {
  const rows = state.database
    .prepare(
      `SELECT * FROM updates WHERE id IN (
         SELECT max(id) FROM updates
         WHERE outcome_kind IN (SELECT value FROM json_each(?)) GROUP BY container)`,
    )
    .all(JSON.stringify(kinds));
  return new Map(rows.map((row) => [textOf(row.container), toUpdate(row)]));
}

function toUpdate(row: Row): Update {
  return {
    id: numberOf(row.id),
    runId: textOf(row.run_id),
    container: textOf(row.container),
    service: textOf(row.service),
    reference: textOf(row.reference),
    outcome: jsonOf<Outcome>(row.outcome),
    from: { digest: digestOrNull(row.from_digest), imageId: textOrNull(row.from_image_id) },
    to: { digest: digestOrNull(row.to_digest), imageId: textOrNull(row.to_image_id) },
    decision: jsonOrNull<Decision>(row.decision),
    databaseUpdatedAtMs: numberOrNull(row.database_updated_at_ms),
    scannerVersion: textOrNull(row.scanner_version),
    policy: jsonOrNull(row.policy),
    phases: jsonOf<Update["phases"]>(row.phases),
    downtimeMs: numberOrNull(row.downtime_ms),
    fixed: jsonOf<string[]>(row.fixed),
    new: jsonOf<string[]>(row.new),
    atMs: numberOf(row.at_ms),
  };
}
