// Invariants: a run ends at most once; a run without an end was interrupted or still goes on.
import type { RunKind, RunReport } from "../update/outcome.ts";
import { jsonOrNull, numberOf, numberOrNull, textOf, textOrNull } from "./columns.ts";
import { invariant } from "./invariant.ts";
import type { Row, State } from "./state.ts";

export interface Run {
  id: string;
  kind: RunKind;
  host: string;
  dryRun: boolean;
  startedAtMs: number;
  endedAtMs: number | null;
  exitCode: number | null;
  interrupted: string | null;
  report: RunReport | null;
}

/** Records that a run begins and returns its id, eight hexadecimal digits. */
export function beginRun(
  state: State,
  run: { kind: RunKind; host: string; dryRun: boolean },
  options: { isEssential?: boolean } = {},
): string {
  return state.transaction(() => {
    const row = state.database
      .prepare(
        `INSERT INTO runs (id, kind, host, dry_run, started_at_ms)
         VALUES (lower(hex(randomblob(4))), ?, ?, ?, ?) RETURNING id`,
      )
      .get(run.kind, run.host, Number(run.dryRun), state.now());
    return textOf(row?.id);
  }, options);
}

/** Records a run's report; the report's `run` is the id that `beginRun` gave. */
export function endRun(state: State, report: RunReport): void {
  state.transaction(() => {
    const { changes } = state.database
      .prepare(
        `UPDATE runs SET ended_at_ms = ?, exit_code = ?, interrupted = ?, report = ?
         WHERE id = ? AND ended_at_ms IS NULL`,
      )
      .run(state.now(), report.exitCode, report.interrupted, JSON.stringify(report), report.run);
    invariant(changes === 1, `run ${report.run} is not open`);
  });
}

/** Closes runs that a crash left open and returns their ids. Only for who holds the host lock. */
export function closeInterruptedRuns(
  state: State,
  exceptRunId: string | null,
  why: string,
  options: { isEssential?: boolean } = {},
): string[] {
  const close = () =>
    state.database
      .prepare(
        `UPDATE runs SET ended_at_ms = ?, interrupted = ?
         WHERE ended_at_ms IS NULL AND id IS NOT ? RETURNING id`,
      )
      .all(state.now(), why, exceptRunId)
      .map((row) => textOf(row.id));
  return state.transaction(close, options);
}

/** Past and present runs, newest first. */
export function listRuns(state: State, options: { kind?: RunKind; limit?: number } = {}): Run[] {
  return state.database
    .prepare(
      `SELECT * FROM runs WHERE (? IS NULL OR kind = ?)
       ORDER BY started_at_ms DESC, rowid DESC LIMIT ?`,
    )
    .all(options.kind ?? null, options.kind ?? null, options.limit ?? 50)
    .map(toRun);
}

export function findRun(state: State, runId: string): Run | null {
  const row = state.database.prepare("SELECT * FROM runs WHERE id = ?").get(runId);
  return row === undefined ? null : toRun(row);
}

function toRun(row: Row): Run {
  return {
    id: textOf(row.id),
    kind: textOf(row.kind) as RunKind,
    host: textOf(row.host),
    dryRun: row.dry_run === 1,
    startedAtMs: numberOf(row.started_at_ms),
    endedAtMs: numberOrNull(row.ended_at_ms),
    exitCode: numberOrNull(row.exit_code),
    interrupted: textOrNull(row.interrupted),
    report: jsonOrNull<RunReport>(row.report),
  };
}
