// Invariants: one holder per state folder; the operating system frees the lock when the holder
// dies, however it dies; the holder's description is only words, never the lock.
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { LOCKED, STATE_UNWRITABLE } from "../errors.ts";
import type { Clock } from "../ports.ts";
import { writeFileAtomically } from "./files.ts";
import { explainDatabaseError, sqliteCode } from "./state.ts";

const SQLITE_BUSY = 5;
/** Longer than a reader's glance at the lock, so that a glance never fails an acquirer. */
const GLANCE_TIMEOUT_MS = 100;
const POLL_MS = 250;

export interface LockHolder {
  pid: number;
  command: string;
  sinceMs: number;
}

export interface Lock {
  readonly holder: LockHolder;
  /** Gives the lock back; further calls do nothing. */
  release(): void;
}

/** `lock`: runs, one at a time on a host. `daemon`: there is one daemon for a state folder. */
export type LockName = "lock" | "daemon";

/** A forgotten handle must not be collected: closing it would free the lock under its holder. */
const held = new Set<DatabaseSync>();

/**
 * Takes the host lock, waiting up to `waitMs` for another run. Throws LOCKED with the holder's
 * description, STATE_UNWRITABLE, or the signal's reason when it is aborted.
 */
export async function acquireLock(
  folder: string,
  options: {
    command: string;
    waitMs: number;
    /** How long this holder is worth waiting for; null: it has not said yet who it is. */
    patience?: (holder: LockHolder | null) => number;
    clock: Pick<Clock, "now" | "monotonicMs" | "sleep">;
    signal?: AbortSignal;
    /** Told once, with the holder's description, when there is something to wait for. */
    onWait?: (holder: string) => void;
    /** The runs' lock unless told otherwise. */
    name?: LockName;
  },
): Promise<Lock> {
  const { clock, signal, name = "lock" } = options;
  const startMs = clock.monotonicMs();
  for (let tries = 0; ; tries += 1) {
    signal?.throwIfAborted();
    const database = tryLock(folder, name);
    if (database !== null) {
      const holder = { pid: process.pid, command: options.command, sinceMs: clock.now() };
      return hold(holderPath(folder, name), database, holder);
    }
    // Asked each time: two that start together learn only now who came first.
    const holder = readHolder(folder, name);
    const waitMs = Math.max(options.waitMs, options.patience?.(holder) ?? 0);
    const leftMs = startMs + waitMs - clock.monotonicMs();
    if (leftMs <= 0) throw LOCKED(describe(holder));
    if (tries === 0) options.onWait?.(describe(holder));
    await clock.sleep(Math.min(POLL_MS, leftMs), signal);
  }
}

/** Who holds the lock now; null when it is free. Never waits and never takes it. */
export function lockHolder(folder: string, name: LockName = "lock"): LockHolder | "unknown" | null {
  const path = lockPath(folder, name);
  let database: DatabaseSync;
  try {
    database = new DatabaseSync(path, { readOnly: true, timeout: 0 });
  } catch {
    return null;
  }
  try {
    database.prepare("SELECT count(*) FROM sqlite_schema").get();
    return null;
  } catch (error) {
    if (isBusy(error)) return readHolder(folder, name) ?? "unknown";
    throw explainDatabaseError(error, path);
  } finally {
    database.close();
  }
}

/** The lock's file. Never open it by other means: closing any handle frees a POSIX lock. */
function lockPath(folder: string, name: LockName): string {
  return join(folder, `${name}.db`);
}

function holderPath(folder: string, name: LockName): string {
  return join(folder, `${name}.json`);
}

function tryLock(folder: string, name: LockName): DatabaseSync | null {
  const path = lockPath(folder, name);
  createIfAbsent(folder, path);
  let database: DatabaseSync | null = null;
  try {
    database = new DatabaseSync(path, { timeout: GLANCE_TIMEOUT_MS });
    // No journal file: on a full disk it could not be made, and recovery needs this lock.
    database.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
    return database;
  } catch (error) {
    database?.close();
    if (isBusy(error)) return null;
    throw explainDatabaseError(error, path);
  }
}

/** An empty file is a valid SQLite database, and an exclusive transaction writes nothing to it. */
function createIfAbsent(folder: string, path: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    closeSync(openSync(path, "wx", 0o600));
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    if (code !== "EEXIST") throw STATE_UNWRITABLE.because(error, path, code);
  }
}

function hold(description: string, database: DatabaseSync, holder: LockHolder): Lock {
  held.add(database);
  try {
    writeFileAtomically(description, `${JSON.stringify(holder)}\n`);
  } catch {
    // A full disk takes only the description: the lock itself needs no space.
  }
  return {
    holder,
    release() {
      if (!held.delete(database)) return;
      rmSync(description, { force: true });
      database.close();
    },
  };
}

function readHolder(folder: string, name: LockName): LockHolder | null {
  try {
    const value: unknown = JSON.parse(readFileSync(holderPath(folder, name), "utf8"));
    if (typeof value !== "object" || value === null) return null;
    const { pid, command, sinceMs } = value as Partial<Record<keyof LockHolder, unknown>>;
    if (typeof pid !== "number" || typeof command !== "string" || typeof sinceMs !== "number") {
      return null;
    }
    return { pid, command, sinceMs };
  } catch {
    return null;
  }
}

function describe(holder: LockHolder | null): string {
  if (holder === null) return "a process that did not say who it is";
  const since = new Date(holder.sinceMs).toISOString();
  return `${holder.command} (process ${holder.pid}) since ${since}`;
}

function isBusy(error: unknown): boolean {
  const code = sqliteCode(error);
  return code !== null && (code & 0xff) === SQLITE_BUSY;
}
