// Invariants: the file is either absent or a complete database of one schema version; it is never
// created over something else; a database that is damaged, foreign or newer is not written to.
import {
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { STATE_DAMAGED, STATE_NEWER, STATE_UNWRITABLE } from "../errors.ts";
import { syncFolder } from "./files.ts";
import { importFormerQueue } from "./import-queue.ts";
import { invariant } from "./invariant.ts";
import { publishIfStale } from "./queue.ts";
import { keepReserve, releaseReserve } from "./reserve.ts";
import { APPLICATION_ID, MIGRATIONS, SCHEMA_VERSION, TABLES } from "./schema.ts";
import type { State, StepObserver } from "./state.ts";
import { explainDatabaseError, isDiskFull, isUnwritable } from "./state.ts";

const BUSY_TIMEOUT_MS = 10_000;
const MAX_PROBLEMS = 100;

export interface OpenStateOptions {
  now?: () => number;
  onStep?: StepObserver;
  /**
   * How much is verified before use: `full` (default) reads every page (`quick_check`), `schema`
   * only what is needed to answer; for commands that just show something and must start fast.
   */
  check?: "full" | "schema";
}

/** Where the database of a state folder is. */
export function databasePath(folder: string): string {
  return join(folder, "pratique.db");
}

/**
 * Opens the state, creating folder (0700) and database (0600) at the first start, and migrates
 * older schemas. Throws STATE_DAMAGED, STATE_NEWER or STATE_UNWRITABLE; then nothing was changed.
 */
export function openState(folder: string, options: OpenStateOptions = {}): State {
  const isFull = (options.check ?? "full") === "full";
  try {
    const state = openOnce(folder, options);
    if (isFull) keepReserve(folder);
    return state;
  } catch (error) {
    // On a full disk not even reading works (the log's index is a file): recovery needs the room.
    if (!isFull || !isUnwritable(error) || !releaseReserve(folder)) throw error;
    return openOnce(folder, options);
  }
}

function openOnce(folder: string, options: OpenStateOptions): State {
  const path = databasePath(folder);
  createIfAbsent(folder, path);
  confirmLog(path);
  const isFull = (options.check ?? "full") === "full";
  let database: DatabaseSync | null = null;
  try {
    if (existsSync(`${path}-wal`)) examine(path, isFull);
    database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
    prepare(database, path, isFull);
    const state = stateOf(database, folder, path, options);
    importFormerQueue(state);
    if (isFull) publishIfStale(state);
    return state;
  } catch (error) {
    database?.close();
    throw explainDatabaseError(error, path);
  }
}

/**
 * The index of a log without its log: SQLite makes the log first and removes it last, so somebody
 * removed it. It may have held the newest entries of the journal, and SQLite would go on without.
 */
function confirmLog(path: string): void {
  const index = `${path}-shm`;
  // In this order: a process that closes the last connection removes the index first.
  if (existsSync(`${path}-wal`) || !existsSync(index) || existsSync(`${path}-wal`)) return;
  throw STATE_DAMAGED(
    path,
    `its log is gone; put ${path}-wal back, or remove ${index} to go on without`,
  );
}

/**
 * A crash left a log. Whoever closes the database last brings it in and removes it, also where it
 * turned out to be damaged; a connection that cannot write leaves both files as they are.
 */
function examine(path: string, isFull: boolean): void {
  const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS, readOnly: true });
  try {
    verify(database, path, isFull);
  } finally {
    database.close();
  }
}

function prepare(database: DatabaseSync, path: string, isFull: boolean): void {
  const version = verify(database, path, isFull);
  // FULL: in WAL mode only this keeps a committed step through a power cut.
  database.exec("PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF");
  if (version < SCHEMA_VERSION) migrate(database);
  verifyTables(database, path);
}

/** Reads only; returns the schema's version. */
function verify(database: DatabaseSync, path: string, isFull: boolean): number {
  if (statSync(path).size === 0) throw STATE_DAMAGED(path, "it is empty");
  const version = pragma(database, "user_version");
  if (pragma(database, "application_id") !== APPLICATION_ID) {
    throw STATE_DAMAGED(path, "it is not pratique's database");
  }
  if (version > SCHEMA_VERSION) throw STATE_NEWER(path, version, SCHEMA_VERSION);
  if (isFull) verifyPages(database, path);
  return version;
}

/** Brings an older schema forward in one transaction; safe when two processes try at once. */
function migrate(database: DatabaseSync): void {
  database.exec("BEGIN IMMEDIATE");
  try {
    const version = pragma(database, "user_version");
    for (const migration of MIGRATIONS.slice(version)) database.exec(migration);
    database.exec(
      `PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${SCHEMA_VERSION}`,
    );
    database.exec("COMMIT");
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}

function verifyPages(database: DatabaseSync, path: string): void {
  const row = database.prepare("PRAGMA quick_check(1)").get();
  const answer = String(row?.quick_check ?? "no answer");
  if (answer !== "ok") throw STATE_DAMAGED(path, answer);
}

function verifyTables(database: DatabaseSync, path: string): void {
  const rows = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  const present = new Set(rows.map((row) => row.name));
  const missing = TABLES.filter((table) => !present.has(table));
  if (missing.length > 0) throw STATE_DAMAGED(path, `it lacks ${missing.join(", ")}`);
}

/**
 * A complete database appears at once under its name, so an empty or partial file found later is
 * damage and not a first start. Linking, unlike renaming, never replaces another process's file.
 */
function createIfAbsent(folder: string, path: string): void {
  if (existsSync(path)) return;
  const temporary = `${path}.${process.pid}.new`;
  const leftovers = ["", "-journal", "-wal", "-shm"].map((suffix) => `${temporary}${suffix}`);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // SQLite would play such a log into the new database.
    if (existsSync(`${path}-wal`)) {
      throw STATE_DAMAGED(path, `it is gone, but its log ${path}-wal is still there`);
    }
    removeAll(leftovers);
    closeSync(openSync(temporary, "wx", 0o600));
    const database = new DatabaseSync(temporary);
    try {
      migrate(database);
      database.exec("PRAGMA journal_mode = WAL");
    } finally {
      database.close();
    }
    linkUnlessThere(temporary, path);
    removeAll(leftovers);
    syncFolder(folder);
  } catch (error) {
    if (existsSync(temporary)) removeAll(leftovers);
    throw explainFileError(explainDatabaseError(error, path), path);
  }
}

function removeAll(paths: readonly string[]): void {
  for (const path of paths) rmSync(path, { force: true });
}

function linkUnlessThere(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : null;
    if (code === "EEXIST") return;
    // Some file systems (FAT, some network ones) have no hard links.
    if (code !== "EPERM" && code !== "ENOTSUP" && code !== "ENOSYS") throw error;
    renameSync(from, to);
  }
}

function explainFileError(error: unknown, path: string): unknown {
  if (!(error instanceof Error && "syscall" in error && "code" in error)) return error;
  return STATE_UNWRITABLE.because(error, path, String(error.code));
}

function pragma(database: DatabaseSync, name: string): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name] ?? 0);
}

function stateOf(
  database: DatabaseSync,
  folder: string,
  path: string,
  options: OpenStateOptions,
): State {
  let afterCommit: { work: () => void; name: string | undefined }[] = [];
  const problems: string[] = [];

  /** One level of a transaction: the outermost, or a part of it that can fail alone. */
  function runLevel<Result>([begin, commit, undo]: Level, work: () => Result): Result {
    const pending = afterCommit.length;
    try {
      database.exec(begin);
      const result = work();
      invariant(!(result instanceof Promise), "a transaction must not wait for anything");
      database.exec(commit);
      return result;
    } catch (error) {
      afterCommit = afterCommit.slice(0, pending);
      // A full disk may have rolled everything back already.
      if (database.isTransaction) database.exec(undo);
      throw error;
    }
  }

  function runOutermost<Result>(work: () => Result, isEssential: boolean): Result {
    try {
      return runLevel(OUTERMOST, work);
    } catch (error) {
      const mayTryAgain = isEssential && isDiskFull(error) && releaseReserve(folder);
      if (mayTryAgain) return runOutermost(work, false);
      throw explainDatabaseError(error, path);
    }
  }

  return {
    database,
    folder,
    now: options.now ?? Date.now,
    onStep: options.onStep ?? null,
    problems,
    transaction(work, { isEssential = false } = {}) {
      if (database.isTransaction) return runLevel(INNER, work);
      const result = runOutermost(work, isEssential);
      const due = afterCommit;
      afterCommit = [];
      for (const task of due) task.work();
      return result;
    },
    afterCommit(work, name) {
      invariant(database.isTransaction, "afterCommit belongs inside a transaction");
      if (name !== undefined && afterCommit.some((task) => task.name === name)) return;
      afterCommit.push({ work, name });
    },
    report(problem) {
      if (problems.length < MAX_PROBLEMS) problems.push(problem);
    },
    close() {
      if (database.isOpen) database.close();
    },
  };
}

type Level = readonly [begin: string, commit: string, undo: string];
const OUTERMOST: Level = ["BEGIN IMMEDIATE", "COMMIT", "ROLLBACK"];
const INNER: Level = [
  "SAVEPOINT inner_step",
  "RELEASE inner_step",
  "ROLLBACK TO inner_step; RELEASE inner_step",
];
