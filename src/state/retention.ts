// Invariants: nothing that an open operation, a backup, the queue or the present candidates refer
// to is removed; what is removed is older than its limit.
import { readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { logFolder } from "./audit-log.ts";
import { failedRollbacks } from "./journal.ts";
import { reportFolder } from "./scan-reports.ts";
import type { State } from "./state.ts";

/** `retention:` of the configuration, ages in milliseconds. */
export interface KeepState {
  logsMs: number;
  reportsMs: number;
}

/** Rows are small, and history is what an operator looks back at: two years. */
const KEEP_HISTORY_MS = 730 * 24 * 3_600_000;

/** Nobody is still writing a temporary file after a day. */
const LEFTOVER_MS = 24 * 3_600_000;

export interface RemovedState {
  logs: number;
  reports: number;
  rows: number;
}

/** Removes old logs, reports and rows. A file that cannot be removed is reported, not an error. */
export function removeOldState(state: State, keep: KeepState): RemovedState {
  const now = state.now();
  removeLeftovers(state, now - LEFTOVER_MS);
  return {
    logs: removeLogs(state, now - keep.logsMs),
    reports: removeReports(state, now - keep.reportsMs),
    rows: removeRows(state, now - KEEP_HISTORY_MS, now - keep.reportsMs),
  };
}

/** By the day in the name: a copied or restored file has another time stamp. */
function removeLogs(state: State, beforeMs: number): number {
  const firstKept = new Date(beforeMs).toISOString().slice(0, 10);
  const folder = logFolder(state.folder);
  const old = filesIn(folder).filter(
    (name) => /^\d{4}-\d{2}-\d{2}\.log$/.test(name) && name.slice(0, 10) < firstKept,
  );
  return removeFiles(state, folder, old);
}

function removeReports(state: State, beforeMs: number): number {
  const folder = reportFolder(state.folder);
  const used = digestsInUse(state);
  const old = filesIn(folder).filter((name) => {
    const digest = /^([0-9a-f]{64})\.json\.gz$/.exec(name)?.[1];
    if (digest === undefined || used.has(`sha256:${digest}`)) return false;
    return modifiedMs(join(folder, name)) < beforeMs;
  });
  return removeFiles(state, folder, old);
}

/** Temporary files whose writer was killed. */
function removeLeftovers(state: State, beforeMs: number): void {
  for (const folder of [state.folder, reportFolder(state.folder)]) {
    const left = filesIn(folder).filter(
      (name) =>
        /\.\d+\.(?:tmp|new(?:-wal|-shm|-journal)?)$/.test(name) &&
        modifiedMs(join(folder, name)) < beforeMs,
    );
    removeFiles(state, folder, left);
  }
}

const IN_USE = `
  SELECT digest FROM queue UNION SELECT digest FROM backups
  UNION SELECT candidate FROM candidates UNION SELECT running_digest FROM candidates`;

function digestsInUse(state: State): Set<unknown> {
  return new Set(
    state.database
      .prepare(IN_USE)
      .all()
      .map((row) => row.digest),
  );
}

function removeRows(state: State, historyBeforeMs: number, scansBeforeMs: number): number {
  // Children before parents; a run stays as long as anything refers to it.
  const waiting = JSON.stringify(failedRollbacks(state).map(({ id }) => id));
  const deletions: [sql: string, beforeMs: number, ...others: string[]][] = [
    [
      "DELETE FROM scans WHERE scanned_at_ms < ? AND digest NOT IN " +
        `(SELECT digest FROM (${IN_USE}) WHERE digest IS NOT NULL)`,
      scansBeforeMs,
    ],
    ["DELETE FROM updates WHERE at_ms < ?", historyBeforeMs],
    [
      `DELETE FROM operations WHERE closed_at_ms < ?
         AND id NOT IN (SELECT value FROM json_each(?))`,
      historyBeforeMs,
      waiting,
    ],
    [
      `DELETE FROM runs WHERE ended_at_ms < ?
         AND id NOT IN (SELECT run_id FROM operations) AND id NOT IN (SELECT run_id FROM updates)`,
      historyBeforeMs,
    ],
    ["DELETE FROM outbox WHERE coalesce(delivered_at_ms, given_up_at_ms) < ?", historyBeforeMs],
    ["DELETE FROM approvals WHERE expires_at_ms < ?", historyBeforeMs],
    [
      `DELETE FROM first_seen WHERE at_ms < ? AND digest NOT IN
         (SELECT digest FROM (${IN_USE}) WHERE digest IS NOT NULL)`,
      historyBeforeMs,
    ],
  ];
  return state.transaction(() => {
    let removed = 0;
    for (const [sql, ...values] of deletions) {
      removed += Number(state.database.prepare(sql).run(...values).changes);
    }
    return removed;
  });
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function modifiedMs(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Number.POSITIVE_INFINITY;
}

function removeFiles(state: State, folder: string, names: readonly string[]): number {
  let removed = 0;
  for (const name of names) {
    try {
      rmSync(join(folder, name), { force: true });
      removed += 1;
    } catch (error) {
      state.report(`${join(folder, name)} could not be removed: ${String(error)}`);
    }
  }
  return removed;
}
