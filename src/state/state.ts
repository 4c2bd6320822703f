import type { DatabaseSync, SQLOutputValue } from "node:sqlite";
import type { OperatorError } from "../errors.ts";
import { isError, STATE_DAMAGED, STATE_UNWRITABLE } from "../errors.ts";

/** The open state database. Everything in `src/state` takes it first. */
export interface State {
  readonly database: DatabaseSync;
  readonly folder: string;
  /**
   * One step, one transaction. A call inside another joins it, so that callers can combine steps
   * ("event in the same transaction as the state change"). Throws STATE_UNWRITABLE when the disk
   * is full or refuses, STATE_DAMAGED when the file is found broken; nothing is half written.
   */
  transaction<Result>(work: () => Result, options?: TransactionOptions): Result;
  /**
   * Runs after the outermost transaction committed; dropped when its own was rolled back. With a
   * name it runs once, however often it was asked for.
   */
  afterCommit(work: () => void, name?: string): void;
  /** Wall time in milliseconds, for the time stamps in rows. */
  now(): number;
  /** Told after each journal commit; tests end the process there. */
  readonly onStep: StepObserver | null;
  /** What went wrong without stopping anything (a stale copy, an unreadable old queue). */
  readonly problems: readonly string[];
  report(problem: string): void;
  close(): void;
}

export interface TransactionOptions {
  /**
   * A roll back, its outcome and its message: on a full disk the reserve is given up for it and
   * the work runs a second time. An ordinary step is refused there instead (facts rule 2).
   */
  isEssential?: boolean;
}

/** What the journal just made durable. */
export interface JournalEvent {
  operationId: string;
  /** Phase of a step, or what else was written. */
  entry: string;
  container: string | null;
}

export type StepObserver = (event: JournalEvent) => void;

/** One row as the driver gives it. */
export type Row = Record<string, SQLOutputValue>;

// Primary result codes of https://www.sqlite.org/rescode.html
const DAMAGED = new Map([
  [11, "its pages are corrupt"],
  [26, "it is not a database"],
]);
const UNWRITABLE = new Map([
  [3, "permission denied"],
  [5, "another process kept it locked"],
  [6, "another process kept it locked"],
  [8, "it is read-only"],
  [10, "the disk reports an input/output error"],
  [13, "the disk is full"],
  [14, "it cannot be opened"],
]);

/** The catalogue's error for what SQLite threw, or the error itself where it is a bug of ours. */
export function explainDatabaseError(error: unknown, path: string): unknown {
  const code = sqliteCode(error);
  if (code === null) return error;
  const primary = code & 0xff;
  const damage = DAMAGED.get(primary);
  if (damage !== undefined) return STATE_DAMAGED.because(error, path, damage);
  const refusal = UNWRITABLE.get(primary);
  if (refusal !== undefined) return STATE_UNWRITABLE.because(error, path, refusal);
  return error;
}

/** SQLite's extended result code; null where the error is not SQLite's. */
export function sqliteCode(error: unknown): number | null {
  if (!(error instanceof Error) || !("errcode" in error)) return null;
  return typeof error.errcode === "number" ? error.errcode : null;
}

/** Whether there was no room to write. */
export function isDiskFull(error: unknown): boolean {
  const primary = (sqliteCode(error) ?? 0) & 0xff;
  return primary === 13 || primary === 10;
}

/** Whether the journal could not be written: a roll back goes on all the same (facts rule 2). */
export function isUnwritable(error: unknown): error is OperatorError {
  return isError(error, STATE_UNWRITABLE);
}
