import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { isError, OperatorError, STATE_UNWRITABLE } from "../../../src/errors.ts";
import { openAuditLog } from "../../../src/state/audit-log.ts";
import {
  closeOperation,
  findOperation,
  openOperation,
  operationSteps,
  recordStep,
  recordStepIfPossible,
  unfinishedOperations,
} from "../../../src/state/journal.ts";
import { acquireLock } from "../../../src/state/lock.ts";
import { openState } from "../../../src/state/open-state.ts";
import { enqueueMessage, pendingCount } from "../../../src/state/outbox.ts";
import { listQueue, putInQueue, queueFilePath } from "../../../src/state/queue.ts";
import { reservePath } from "../../../src/state/reserve.ts";
import { beginRun } from "../../../src/state/runs.ts";
import type { State } from "../../../src/state/state.ts";
import { temporaryFolder } from "../../temporary-state.ts";

const PAGE_BYTES = 4096;

/** A file system of its own, which the namespace of this test file takes away again. */
function smallDisk(sizeMegabytes: number) {
  const folder = temporaryFolder();
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${sizeMegabytes}m`, "tmpfs", folder.path]);
  return {
    path: folder.path,
    [Symbol.dispose]() {
      execFileSync("umount", [folder.path]);
      folder[Symbol.dispose]();
    },
  };
}

function fillerPath(folder: string): string {
  return join(folder, "filler");
}

/** Fills the disk until so many pages are left. */
function fill(folder: string, leftPages = 0): void {
  const file = openSync(fillerPath(folder), "a");
  const page = Buffer.alloc(PAGE_BYTES, 1);
  try {
    for (const bytes of [Buffer.alloc(1024 * PAGE_BYTES, 1), page]) {
      while (writeSync(file, bytes) === bytes.length);
    }
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, "ENOSPC");
  } finally {
    closeSync(file);
  }
  fillLastPages(folder, page);
  if (leftPages === 0) return;
  const path = fillerPath(folder);
  execFileSync("truncate", ["-s", String(statSync(path).size - leftPages * PAGE_BYTES), path]);
}

function fillLastPages(folder: string, page: Buffer): void {
  const file = openSync(fillerPath(folder), "a");
  try {
    for (;;) writeSync(file, page);
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, "ENOSPC");
  } finally {
    closeSync(file);
  }
}

function begin(state: State): string {
  const runId = beginRun(state, { kind: "weekly", host: "amy", dryRun: false });
  const id = openOperation(state, { runId, kind: "update", containers: ["web"], plan: {} });
  recordStep(state, id, { phase: "back-up", container: "web" });
  return id;
}

function end(state: State, id: string): void {
  state.transaction(
    () => {
      closeOperation(state, id, "rolled-back");
      putInQueue(state, {
        container: "web",
        reference: "nginx:1",
        digest: null,
        reason: { kind: "failed", phase: "deploy", why: "the disk is full" },
        ids: [],
        nextTryMs: null,
      });
      const content = { title: "failed", body: "", priority: 5, tags: [], click: null };
      enqueueMessage(state, { event: "update-failed", container: "web", message: content });
    },
    { isEssential: true },
  );
}

/** Records steps until the disk takes no more. */
function recordUntilFull(state: State, id: string): OperatorError {
  for (let count = 0; count < 100; count += 1) {
    try {
      recordStep(state, id, { phase: "deploy", container: "web", detail: "x".repeat(9000) });
    } catch (error) {
      assert.ok(error instanceof OperatorError);
      return error;
    }
  }
  return assert.fail("the disk never filled up");
}

test("on a full disk a step is refused, and the roll back and its outcome are still written", () => {
  using disk = smallDisk(96);
  const state = openState(disk.path);
  const id = begin(state);
  assert.ok(existsSync(reservePath(disk.path)));
  fill(disk.path);
  assert.ok(isError(recordUntilFull(state, id), STATE_UNWRITABLE));
  assert.ok(existsSync(reservePath(disk.path)), "an ordinary step does not spend the reserve");

  assert.equal(recordStepIfPossible(state, id, { phase: "roll-back", container: "web" }), true);
  assert.equal(existsSync(reservePath(disk.path)), false);
  end(state, id);
  state.close();

  const again = openState(disk.path);
  assert.equal(findOperation(again, id)?.end, "rolled-back");
  assert.equal(operationSteps(again, id).at(-1)?.phase, "roll-back");
  assert.equal(pendingCount(again), 1);
  again.close();
});

test("a disk that fills up at the very end still takes the outcome", () => {
  using disk = smallDisk(96);
  const state = openState(disk.path);
  const id = begin(state);
  fill(disk.path);
  for (let spent = 0; spent < 40; spent += 1) {
    try {
      recordStep(state, id, { phase: "deploy", container: "web" });
    } catch {
      break;
    }
  }
  end(state, id);
  assert.equal(listQueue(state).length, 1);
  state.close();
});

test("recovery can read its journal on a full disk", () => {
  using disk = smallDisk(96);
  const first = openState(disk.path);
  const id = begin(first);
  first.close();
  fill(disk.path);
  const second = openState(disk.path);
  assert.deepEqual(
    unfinishedOperations(second).map((operation) => operation.id),
    [id],
  );
  end(second, id);
  second.close();
});

test("without a reserve a full disk is an explained error, and nothing is half written", () => {
  using disk = smallDisk(16);
  for (let leftPages = 0; leftPages <= 40; leftPages += 1) {
    const folder = join(disk.path, `state-${leftPages}`);
    openState(folder).close();
    assert.equal(existsSync(reservePath(folder)), false, "too little room for one");
    fill(disk.path, leftPages);
    try {
      const state = openState(folder);
      try {
        end(state, begin(state));
      } finally {
        state.close();
      }
    } catch (error) {
      assert.ok(isError(error, STATE_UNWRITABLE), String(error));
    }
    rmSync(fillerPath(disk.path));
    const state = openState(folder);
    const isEnded = unfinishedOperations(state).length === 0 && listQueue(state).length > 0;
    assert.equal(listQueue(state).length, isEnded ? 1 : 0);
    assert.equal(pendingCount(state), isEnded ? 1 : 0);
    JSON.parse(readFileSync(queueFilePath(folder), "utf8"));
    state.close();
    rmSync(folder, { recursive: true });
  }
});

test("the lock and the audit log need no room to be harmless", async () => {
  using disk = smallDisk(16);
  openState(disk.path).close();
  fill(disk.path);
  const clock = { now: Date.now, monotonicMs: Date.now, sleep: async () => {} };
  const lock = await acquireLock(disk.path, { command: "recover", waitMs: 0, clock });
  const log = openAuditLog(disk.path);
  assert.equal(log.write({ event: "step" }), false);
  assert.equal(log.lost, 1);
  lock.release();
});

test("a read-only file system is an explained error and changes nothing", () => {
  using disk = smallDisk(96);
  openState(disk.path).close();
  const before = readFileSync(join(disk.path, "pratique.db"));
  execFileSync("mount", ["-o", "remount,ro", disk.path]);
  try {
    assert.throws(
      () => {
        const state = openState(disk.path);
        try {
          begin(state);
        } finally {
          state.close();
        }
      },
      (error) => isError(error, STATE_UNWRITABLE),
    );
  } finally {
    execFileSync("mount", ["-o", "remount,rw", disk.path]);
  }
  assert.deepEqual(readFileSync(join(disk.path, "pratique.db")), before);
});
