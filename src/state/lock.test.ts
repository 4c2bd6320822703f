import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { temporaryFolder } from "../../test/temporary-state.ts";
import { isError, LOCKED, STATE_DAMAGED, STATE_UNWRITABLE } from "../errors.ts";
import { acquireLock, lockHolder } from "./lock.ts";

const clock = {
  now: Date.now,
  monotonicMs: () => performance.now(),
  sleep: (durationMs: number, signal?: AbortSignal) =>
    wait(durationMs, undefined, signal === undefined ? {} : { signal }),
};

function take(folder: string, command: string, waitMs = 0) {
  return acquireLock(folder, { command, waitMs, clock });
}

/** Another process that takes the lock, says so, and holds it until it is ended. */
async function holder(folder: string, command: string) {
  const source = `
    import { acquireLock } from ${JSON.stringify(import.meta.resolve("./lock.ts"))};
    const clock = { now: Date.now, monotonicMs: Date.now, sleep: async () => {} };
    await acquireLock(${JSON.stringify(folder)}, { command: "${command}", waitMs: 0, clock });
    console.log("held");
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module-typescript", "--eval", source], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  return {
    pid: child.pid,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

test("one holder at a time, and the next one is told who it is", async () => {
  using folder = temporaryFolder();
  const lock = await take(folder.path, "weekly");
  await assert.rejects(
    take(folder.path, "retry"),
    (error) => isError(error, LOCKED) && error.message.includes(`weekly (process ${process.pid})`),
  );
  lock.release();
  (await take(folder.path, "retry")).release();
});

test("another process holds it, and kill -9 frees it at once", async () => {
  using folder = temporaryFolder();
  {
    await using other = await holder(folder.path, "weekly");
    await assert.rejects(take(folder.path, "retry"), (error) => isError(error, LOCKED));
    const shown = lockHolder(folder.path);
    assert.ok(shown !== null && shown !== "unknown");
    assert.deepEqual([shown.pid, shown.command], [other.pid, "weekly"]);
    // Looking at the lock takes nothing from its holder.
    await assert.rejects(take(folder.path, "retry"), (error) => isError(error, LOCKED));
  }
  assert.equal(lockHolder(folder.path), null);
  (await take(folder.path, "retry")).release();
  assert.deepEqual(readdirSync(folder.path), ["lock.db"]);
});

test("looking at a lock that this process holds does not free it", async () => {
  using folder = temporaryFolder();
  const lock = await take(folder.path, "weekly");
  assert.notEqual(lockHolder(folder.path), null);
  await assert.rejects(take(folder.path, "retry"), (error) => isError(error, LOCKED));
  lock.release();
});

test("waits for a holder that ends in time, and says so once", async () => {
  using folder = temporaryFolder();
  const first = await take(folder.path, "retry");
  const waited: string[] = [];
  const second = acquireLock(folder.path, {
    command: "weekly",
    waitMs: 10_000,
    clock: {
      ...clock,
      sleep: async () => {
        if (waited.length === 1) first.release();
      },
    },
    onWait: (description) => waited.push(description),
  });
  assert.equal((await second).holder.command, "weekly");
  assert.equal(waited.length, 1);
  assert.match(waited[0] ?? "", /^retry \(process/);
  (await second).release();
});

test("gives up when the time is over, by the monotonic clock", async () => {
  using folder = temporaryFolder();
  const lock = await take(folder.path, "weekly");
  let monotonicMs = 0;
  const slept: number[] = [];
  const patient = {
    // A wall clock that jumps changes nothing.
    now: () => 0,
    monotonicMs: () => monotonicMs,
    sleep: async (durationMs: number) => {
      slept.push(durationMs);
      monotonicMs += durationMs;
    },
  };
  const waited: string[] = [];
  const waiting = acquireLock(folder.path, {
    command: "retry",
    waitMs: 600,
    clock: patient,
    onWait: (description) => waited.push(description),
  });
  await assert.rejects(waiting, (error) => isError(error, LOCKED));
  assert.equal(waited.length, 1);
  assert.deepEqual(slept, [250, 250, 100]);
  lock.release();
});

test("stops waiting when it is told to", async () => {
  using folder = temporaryFolder();
  const lock = await take(folder.path, "weekly");
  const stop = new AbortController();
  const waiting = acquireLock(folder.path, {
    command: "retry",
    waitMs: 60_000,
    clock,
    signal: stop.signal,
  });
  stop.abort(new Error("terminated"));
  await assert.rejects(waiting);
  lock.release();
  const late = acquireLock(folder.path, { command: "x", waitMs: 0, clock, signal: stop.signal });
  await assert.rejects(late, /terminated/, "not even when it is free by now");
});

test("a released lock stays released, whoever has it then", async () => {
  using folder = temporaryFolder();
  const first = await take(folder.path, "weekly");
  first.release();
  const second = await take(folder.path, "retry");
  first.release();
  await assert.rejects(take(folder.path, "check"), (error) => isError(error, LOCKED));
  second.release();
});

test("the description is only words: without it the lock holds all the same", async () => {
  using folder = temporaryFolder();
  const lock = await take(folder.path, "weekly");
  rmSync(join(folder.path, "lock.json"));
  await assert.rejects(
    take(folder.path, "retry"),
    (error) => isError(error, LOCKED) && error.message.includes("did not say who it is"),
  );
  assert.equal(lockHolder(folder.path), "unknown");
  writeFileSync(join(folder.path, "lock.json"), '{"pid":"x"}');
  assert.equal(lockHolder(folder.path), "unknown");
  lock.release();
});

test("its files are the owner's only", async () => {
  using parent = temporaryFolder();
  const folder = join(parent.path, "new");
  const former = process.umask(0);
  try {
    const lock = await take(folder, "weekly");
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    for (const name of ["lock.db", "lock.json"]) {
      assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600);
    }
    lock.release();
  } finally {
    process.umask(former);
  }
});

test("a lock file that is something else is said to be damaged and left alone", async () => {
  using folder = temporaryFolder();
  writeFileSync(join(folder.path, "lock.db"), "not a lock".repeat(500));
  await assert.rejects(take(folder.path, "weekly"), (error) => isError(error, STATE_DAMAGED));
});

test("a folder that cannot be made is unwritable", async () => {
  using folder = temporaryFolder();
  writeFileSync(join(folder.path, "file"), "");
  await assert.rejects(take(join(folder.path, "file"), "weekly"), (error) =>
    isError(error, STATE_UNWRITABLE),
  );
  assert.equal(lockHolder(join(folder.path, "nowhere")), null);
});
