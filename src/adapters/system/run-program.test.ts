import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { runProgram } from "./run-program.ts";

const NODE = process.execPath;
const plain = { environment: {}, timeoutMs: 10_000 };

const runNode = (script: string, options: Partial<Parameters<typeof runProgram>[2]> = {}) =>
  runProgram(NODE, ["-e", script], { ...plain, ...options });

test("gives back exit code, standard output and standard error", async () => {
  const result = await runNode("console.log('out'); console.error('err'); process.exitCode = 3");
  assert.equal(result.kind, "exited");
  if (result.kind !== "exited") return;
  assert.deepEqual(
    [result.exitCode, result.stdout, result.stderr, result.truncated],
    [3, "out\n", "err\n", false],
  );
});

test("passes arguments as they are, without a shell", async () => {
  const script = "console.log(JSON.stringify(process.argv.slice(1)))";
  const hostile = ["$(id)", "a b", "'; exit 1 #", "*"];
  const result = await runProgram(NODE, ["-e", script, "--", ...hostile], plain);
  assert.equal(result.kind === "exited" && result.stdout, `${JSON.stringify(hostile)}\n`);
});

test("gives the program only the named environment", async () => {
  process.env.PRATIQUE_TEST_LEAK = "secret";
  const result = await runNode("console.log(Object.keys(process.env).join())", {
    environment: { ONLY: "this" },
  });
  delete process.env.PRATIQUE_TEST_LEAK;
  assert.equal(result.kind === "exited" && result.stdout, "ONLY\n");
});

test("writes the input and closes it", async () => {
  const result = await runNode("process.stdin.pipe(process.stdout)", { input: "hello" });
  assert.equal(result.kind === "exited" && result.stdout, "hello");
});

test("ends the whole process group at the time-out", async () => {
  const child = "setInterval(() => {}, 1000)";
  const script = `const c = require("child_process").spawn(process.execPath, ["-e", ${JSON.stringify(child)}], {stdio: "inherit"}); console.log(c.pid); setInterval(() => {}, 1000)`;
  const result = await runNode(script, { timeoutMs: 3000, graceMs: 200 });
  assert.equal(result.kind, "timeout");
  const grandchild = Number("stdout" in result ? result.stdout : "");
  assert.ok(grandchild > 0);
  assert.ok(!isAlive(grandchild), "the grandchild lives on");
});

test("kills a program that ignores SIGTERM", async () => {
  const script = "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)";
  const result = await runNode(script, { timeoutMs: 500, graceMs: 100 });
  assert.equal(result.kind, "timeout");
  assert.ok("durationMs" in result && result.durationMs < 5_000);
});

test("ends the program when the signal is aborted", async () => {
  const controller = new AbortController();
  const running = runNode("setInterval(() => {}, 1000)", { signal: controller.signal });
  setTimeout(() => controller.abort(), 200);
  assert.equal((await running).kind, "aborted");
});

test("does not start a program for an aborted signal", async () => {
  const result = await runNode("0", { signal: AbortSignal.abort() });
  assert.equal(result.kind, "not-started");
});

test("says why a program could not be started", async () => {
  const result = await runProgram("/nowhere/at-all", [], plain);
  assert.equal(result.kind, "not-started");
  assert.match(result.kind === "not-started" ? result.why : "", /ENOENT/);
});

test("keeps the start of long output and the end of long errors, and tells it", async () => {
  const script =
    "process.stdout.write('a'.repeat(9000)+'Z'); process.stderr.write('b'.repeat(9000)+'Z')";
  const result = await runNode(script, { maxOutputBytes: 1000 });
  assert.equal(result.kind, "exited");
  if (result.kind !== "exited") return;
  assert.equal(result.stdout, "a".repeat(1000));
  assert.equal(result.stderr, `${"b".repeat(999)}Z`);
  assert.equal(result.truncated, true);
});

test("writes standard output to a private file and stops at its bound", async () => {
  const folder = mkdtempSync(join(tmpdir(), "pratique-run-"));
  try {
    const path = join(folder, "report.json");
    const result = await runNode("process.stdout.write('x'.repeat(100000))", {
      stdoutFile: { path, maxBytes: 100_000 },
    });
    assert.equal(result.kind, "exited");
    assert.equal(readFileSync(path).length, 100_000);
    assert.equal(statSync(path).mode & 0o777, 0o600);

    const endless = await runNode("setInterval(() => process.stdout.write('x'.repeat(4096)), 1)", {
      stdoutFile: { path: join(folder, "endless"), maxBytes: 10_000 },
    });
    assert.equal(endless.kind, "output-refused");
    assert.ok(statSync(join(folder, "endless")).size <= 10_000);

    const existing = await runNode("0", { stdoutFile: { path, maxBytes: 10 } });
    assert.equal(existing.kind, "not-started", "an existing file is never overwritten");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("does not wait for ever for a stream that a left-over child holds open", async () => {
  const child = "setTimeout(() => {}, 6000)";
  const script = `require("child_process").spawn(process.execPath, ["-e", ${JSON.stringify(child)}], {stdio: "inherit", detached: true}).unref()`;
  const result = await runNode(script);
  assert.equal(result.kind, "exited");
  assert.ok("durationMs" in result && result.durationMs < 5_000);
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return false;
  }
}
