import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { temporaryFolder, temporaryState } from "../../test/temporary-state.ts";
import { isError, STATE_DAMAGED, STATE_NEWER, STATE_UNWRITABLE } from "../errors.ts";
import { openOperation, operationSteps, recordStep, unfinishedOperations } from "./journal.ts";
import { readMeta, writeMeta } from "./meta.ts";
import { databasePath, openState } from "./open-state.ts";
import { beginRun, listRuns } from "./runs.ts";
import { APPLICATION_ID, SCHEMA_VERSION } from "./schema.ts";

const WEEKLY = { kind: "weekly", host: "amy", dryRun: false } as const;

/** A folder whose database was made, used and closed. */
function usedFolder() {
  const folder = temporaryFolder();
  const state = openState(folder.path);
  for (let count = 0; count < 200; count += 1) beginRun(state, WEEKLY);
  state.close();
  return folder;
}

/** Asserts that opening throws this error and leaves every file of the database as it was. */
function assertRefused(folder: string, error: { readonly code: string }, what?: RegExp): void {
  const before = contents(folder);
  assert.throws(
    () => openState(folder),
    (thrown) => isError(thrown, error) && (what?.test(thrown.message) ?? true),
  );
  assert.deepEqual(contents(folder), before);
}

function contents(folder: string): Map<string, string> {
  // Not the index of the log: whoever reads the log makes it anew.
  const names = readdirSync(folder).filter((name) => /^pratique\.db(-wal)?$/.test(name));
  return new Map(names.map((name) => [name, readFileSync(join(folder, name), "base64")]));
}

function execute(folder: string, sql: string): void {
  const database = new DatabaseSync(databasePath(folder));
  database.exec(sql);
  database.close();
}

test("creates a folder and files that only the owner can read", () => {
  using parent = temporaryFolder();
  const former = process.umask(0);
  try {
    const folder = join(parent.path, "new", "state");
    const state = openState(folder);
    beginRun(state, WEEKLY);
    const modes = readdirSync(folder).map((name) => statSync(join(folder, name)).mode & 0o777);
    assert.ok(modes.length >= 3, "database, log and index are there");
    assert.deepEqual(new Set(modes), new Set([0o600]));
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    state.close();
  } finally {
    process.umask(former);
  }
});

test("a folder that was there keeps its mode", () => {
  using folder = temporaryFolder();
  chmodSync(folder.path, 0o755);
  openState(folder.path).close();
  assert.equal(statSync(folder.path).mode & 0o777, 0o755);
});

test("commits survive closing and a power cut alike: WAL with synchronous=FULL", () => {
  using temporary = temporaryState();
  const { database } = temporary.state;
  assert.equal(database.prepare("PRAGMA journal_mode").get()?.journal_mode, "wal");
  assert.equal(database.prepare("PRAGMA synchronous").get()?.synchronous, 2);
  assert.equal(database.prepare("PRAGMA foreign_keys").get()?.foreign_keys, 1);
  const runId = beginRun(temporary.state, WEEKLY);
  const again = openState(temporary.folder);
  assert.deepEqual(
    listRuns(again).map(({ id }) => id),
    [runId],
  );
  again.close();
});

test("leaves nothing but the database behind when it was created and closed", () => {
  using folder = temporaryFolder();
  openState(folder.path).close();
  assert.deepEqual(readdirSync(folder.path).sort(), ["pratique.db", "reserve", "retry-queue.json"]);
});

test("refuses a newer schema and touches nothing", () => {
  using folder = usedFolder();
  execute(folder.path, `PRAGMA user_version = ${SCHEMA_VERSION + 1}`);
  assertRefused(folder.path, STATE_NEWER, /has schema \d+; this program knows up to/);
});

test("brings an older schema forward and keeps what it knows", () => {
  using folder = temporaryFolder();
  writeFileSync(databasePath(folder.path), "");
  // Version 0 of our own file, with a table that no migration touches.
  execute(
    folder.path,
    `PRAGMA application_id = ${APPLICATION_ID}; CREATE TABLE kept (value TEXT);
     INSERT INTO kept VALUES ('still here')`,
  );
  const state = openState(folder.path);
  assert.equal(state.database.prepare("PRAGMA user_version").get()?.user_version, SCHEMA_VERSION);
  assert.equal(state.database.prepare("SELECT value FROM kept").get()?.value, "still here");
  state.close();
});

test("a migration that fails leaves the older schema whole", () => {
  using folder = temporaryFolder();
  writeFileSync(databasePath(folder.path), "");
  // The last table of the schema is there already: the migration fails at its end.
  execute(
    folder.path,
    `PRAGMA application_id = ${APPLICATION_ID}; CREATE TABLE outbox (value TEXT)`,
  );
  assert.throws(() => openState(folder.path));
  const database = new DatabaseSync(databasePath(folder.path));
  const tables = database.prepare("SELECT name FROM sqlite_schema").all();
  assert.deepEqual(
    tables.map(({ name }) => name),
    ["outbox"],
  );
  database.close();
});

test("refuses a file that is no database", () => {
  using folder = usedFolder();
  writeFileSync(
    databasePath(folder.path),
    "these are not the pages you are looking for".repeat(99),
  );
  assertRefused(folder.path, STATE_DAMAGED, /not a database/);
});

test("refuses an empty file: a first start never leaves one", () => {
  using folder = usedFolder();
  truncateSync(databasePath(folder.path), 0);
  assertRefused(folder.path, STATE_DAMAGED, /empty/);
});

test("refuses a file that was cut off", () => {
  using folder = usedFolder();
  const path = databasePath(folder.path);
  truncateSync(path, Math.floor(statSync(path).size / 2 / 4096) * 4096);
  assertRefused(folder.path, STATE_DAMAGED);
});

test("refuses a page that was overwritten", () => {
  using folder = usedFolder();
  const path = databasePath(folder.path);
  const bytes = readFileSync(path);
  bytes.fill(0xa5, bytes.length - 3 * 4096, bytes.length);
  writeFileSync(path, bytes);
  assertRefused(folder.path, STATE_DAMAGED);
});

test("refuses the database of another program", () => {
  using folder = temporaryFolder();
  writeFileSync(databasePath(folder.path), "");
  execute(folder.path, "CREATE TABLE runs (id TEXT)");
  assertRefused(folder.path, STATE_DAMAGED, /not pratique's/);
});

test("refuses a database that lacks a table", () => {
  using folder = usedFolder();
  execute(folder.path, "DROP TABLE quarantine");
  assertRefused(folder.path, STATE_DAMAGED, /lacks quarantine/);
});

test("refuses to begin anew beside the log of a database that is gone", () => {
  using folder = usedFolder();
  const path = databasePath(folder.path);
  renameSync(path, `${path}-wal`);
  assertRefused(folder.path, STATE_DAMAGED, /gone/);
  assert.equal(existsSync(path), false);
});

test("says that the state is unwritable when its folder cannot be made", () => {
  using folder = temporaryFolder();
  writeFileSync(join(folder.path, "file"), "");
  assert.throws(
    () => openState(join(folder.path, "file", "state")),
    (error) => isError(error, STATE_UNWRITABLE),
  );
});

test("says that the state is unwritable when the database is a folder", () => {
  using folder = temporaryFolder();
  mkdirSync(databasePath(folder.path));
  assert.throws(
    () => openState(folder.path),
    (error) => isError(error, STATE_UNWRITABLE),
  );
});

test("a write on a full disk is refused whole, and reading goes on", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  const { page_count } = state.database.prepare("PRAGMA page_count").get() ?? {};
  state.database.exec(`PRAGMA max_page_count = ${page_count}`);
  assert.throws(
    () =>
      state.transaction(() => {
        for (let count = 0; count < 1000; count += 1) beginRun(state, WEEKLY);
      }),
    (error) => isError(error, STATE_UNWRITABLE) && /full/.test(error.message),
  );
  assert.deepEqual(listRuns(state), []);
});

test("a transaction that throws leaves nothing and tells nobody", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  const told: string[] = [];
  assert.throws(() =>
    state.transaction(() => {
      beginRun(state, WEEKLY);
      state.afterCommit(() => told.push("first"));
      throw new Error("changed my mind");
    }),
  );
  assert.deepEqual([listRuns(state), told], [[], []]);
  state.transaction(() => state.afterCommit(() => told.push("second")));
  assert.deepEqual(told, ["second"]);
});

test("a part of a transaction can fail alone", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  const told: string[] = [];
  state.transaction(() => {
    writeMeta(state, "kept", "yes");
    assert.throws(() =>
      state.transaction(() => {
        writeMeta(state, "kept", "no");
        state.afterCommit(() => told.push("part"));
        throw new Error("this part only");
      }),
    );
    state.afterCommit(() => told.push("whole"));
  });
  assert.deepEqual([readMeta(state, "kept"), told], ["yes", ["whole"]]);
});

test("what runs after a commit runs once when it has a name", () => {
  using temporary = temporaryState();
  let times = 0;
  temporary.state.transaction(() => {
    for (let count = 0; count < 3; count += 1) {
      temporary.state.afterCommit(() => {
        times += 1;
      }, "count");
    }
  });
  assert.equal(times, 1);
});

test("problems that stop nothing are kept, a bounded number of them", () => {
  using temporary = temporaryState();
  for (let count = 0; count < 1000; count += 1) temporary.state.report(`problem ${count}`);
  assert.equal(temporary.state.problems.length, 100);
  assert.equal(temporary.state.problems[0], "problem 0");
});

test("what runs after a commit is asked for in a transaction", () => {
  using temporary = temporaryState();
  assert.throws(() => temporary.state.afterCommit(() => {}), { code: "ERR_ASSERTION" });
});

test("a transaction must not wait for anything", () => {
  using temporary = temporaryState();
  assert.throws(() => temporary.state.transaction(async () => {}), { code: "ERR_ASSERTION" });
});

function child(folder: string, script: string) {
  const source = `
    import { openState } from ${JSON.stringify(import.meta.resolve("./open-state.ts"))};
    import { beginRun } from ${JSON.stringify(import.meta.resolve("./runs.ts"))};
    const state = openState(${JSON.stringify(folder)});
    const weekly = { kind: "weekly", host: "amy", dryRun: false };
    ${script}`;
  return spawn(process.execPath, ["--input-type=module-typescript", "--eval", source], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

test("processes that start for the first time together share one database", async () => {
  using folder = temporaryFolder();
  const children = Array.from({ length: 4 }, () =>
    child(folder.path, "beginRun(state, weekly); state.close()"),
  );
  const ends = await Promise.all(children.map((each) => once(each, "exit")));
  assert.deepEqual(
    ends.map(([code]) => code),
    [0, 0, 0, 0],
  );
  const state = openState(folder.path);
  assert.equal(listRuns(state).length, 4);
  state.close();
  assert.deepEqual(readdirSync(folder.path).sort(), ["pratique.db", "reserve", "retry-queue.json"]);
});

test("kill -9 in a transaction leaves what was committed before it and nothing of it", async () => {
  using folder = temporaryFolder();
  const killed = child(
    folder.path,
    `beginRun(state, weekly);
     state.transaction(() => {
       for (let count = 0; count < 2000; count += 1) beginRun(state, weekly);
       process.kill(process.pid, "SIGKILL");
     });`,
  );
  const [, signal] = await once(killed, "exit");
  assert.equal(signal, "SIGKILL");
  const state = openState(folder.path);
  assert.equal(listRuns(state).length, 1);
  state.close();
});

test("commands that only show something do not read every page", () => {
  using folder = usedFolder();
  const path = databasePath(folder.path);
  const bytes = readFileSync(path);
  bytes.fill(0xa5, bytes.length - 4096, bytes.length);
  writeFileSync(path, bytes);
  rmSync(`${path}-wal`, { force: true });
  openState(folder.path, { check: "schema" }).close();
});

test("refuses to go on without a log that somebody removed, and knows the unfinished update all the same", () => {
  using folder = temporaryFolder();
  const path = databasePath(folder.path);
  const copy = join(folder.path, "copy");
  mkdirSync(copy);
  const state = openState(folder.path);
  const runId = beginRun(state, WEEKLY);
  const id = openOperation(state, { runId, kind: "update", containers: ["web"], plan: {} });
  recordStep(state, id, { phase: "deploy", container: "web" });
  // As a kill leaves them, apart from the log.
  for (const end of ["", "-shm"]) copyFileSync(`${path}${end}`, `${databasePath(copy)}${end}`);
  state.close();

  const before = readdirSync(copy);
  assertRefused(copy, STATE_DAMAGED, /its log is gone/);
  assert.deepEqual(readdirSync(copy), before, "nothing was made");
  rmSync(`${databasePath(copy)}-shm`);
  const again = openState(copy);
  assert.deepEqual(
    unfinishedOperations(again).map((operation) => operation.id),
    [id],
  );
  assert.equal(operationSteps(again, id).at(-1)?.phase, "deploy");
  again.close();
});

test("leaves the log of a damaged database as it is", () => {
  using folder = usedFolder();
  const path = databasePath(folder.path);
  const copy = join(folder.path, "copy");
  mkdirSync(copy);
  const state = openState(folder.path);
  beginRun(state, WEEKLY);
  for (const end of ["", "-wal", "-shm"]) {
    copyFileSync(`${path}${end}`, `${databasePath(copy)}${end}`);
  }
  state.close();
  assert.ok(statSync(`${databasePath(copy)}-wal`).size > 0);
  const bytes = readFileSync(databasePath(copy));
  bytes.fill(0xa5, bytes.length - 3 * 4096, bytes.length);
  writeFileSync(databasePath(copy), bytes);
  assertRefused(copy, STATE_DAMAGED);
});
