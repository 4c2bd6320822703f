import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { createClock } from "./clock.ts";
import { createProcesses, OPERATION_MARK } from "./processes.ts";

const processes = createProcesses(createClock());

/** A program with this mark that says when it is ready. */
async function start(mark: string, script = ""): Promise<ChildProcess> {
  const wait = "console.log('ready'); setInterval(() => {}, 1000)";
  const child = spawn(process.execPath, ["-e", `${script};${wait}`], {
    env: { A: "1", [OPERATION_MARK]: mark, B: "2" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  assert.ok(child.stdout);
  await once(child.stdout, "data");
  return child;
}

const signalOf = (child: ChildProcess) =>
  child.signalCode ?? once(child, "exit").then(([, signal]) => signal);

test("ends every program of an operation, and no other", async () => {
  const own = [await start("7"), await start("7")];
  const others = [await start("77"), await start("x7")];
  try {
    assert.equal(await processes.endMarked("7"), 2);
    assert.deepEqual(await Promise.all(own.map(signalOf)), ["SIGTERM", "SIGTERM"]);
    assert.ok(others.every((child) => child.exitCode === null && child.signalCode === null));
    assert.equal(await processes.endMarked("7"), 0);
  } finally {
    for (const child of others) child.kill("SIGKILL");
  }
});

test("ends a program that does not listen to SIGTERM", { timeout: 60_000 }, async () => {
  const stubborn = await start("stubborn", "process.on('SIGTERM', () => {})");
  assert.equal(await processes.endMarked("stubborn"), 1);
  assert.equal(await signalOf(stubborn), "SIGKILL");
});

test("finds what a program started after its parent was killed", async () => {
  const child = `require("child_process").spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], {stdio: "ignore", detached: true})`;
  const parent = await start("orphan", child);
  parent.kill("SIGKILL");
  await once(parent, "exit");
  assert.equal(await processes.endMarked("orphan"), 1);
});
