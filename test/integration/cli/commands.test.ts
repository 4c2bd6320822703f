import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import test from "node:test";
import { openState } from "../../../src/state/open-state.ts";
import { putInQueue } from "../../../src/state/queue.ts";
import { LAUNCHER, runCli, temporaryConfig } from "./run-cli.ts";

const DIGEST = `sha256:${"ab".repeat(32)}` as const;

function withQueue(folder: string): void {
  const state = openState(join(folder, "state"));
  putInQueue(state, {
    container: "web",
    reference: "nginx:1",
    digest: DIGEST,
    reason: { kind: "blocked", why: "2 HIGH\u001b[2J" },
    ids: ["CVE-2026-1", "CVE-2026-2"],
    nextTryMs: null,
  });
  state.close();
}

test("the retry queue is listed, approved and emptied without an engine", async () => {
  using config = temporaryConfig();
  withQueue(config.folder);
  const queue = async (...words: string[]) =>
    await runCli(["queue", ...words, "--config", config.path]);

  const list = await queue("list");
  assert.equal(list.exitCode, 0, list.stderr);
  assert.match(list.stdout, /^web .*BLOCKED/m);
  assert.ok(list.stdout.includes("\\x1b[2J"), "control characters are made visible");
  assert.ok(!list.stdout.includes("\u001b"));

  const noReason = await queue("approve", "web");
  assert.equal(noReason.exitCode, 2);
  assert.match(noReason.stderr, /--reason/);

  const approved = await queue("approve", "web", "--reason", "internal only", "--expires", "30d");
  assert.equal(approved.exitCode, 0, approved.stderr);
  const { entries, approvals } = JSON.parse((await queue("list", "--json")).stdout);
  assert.equal(entries[0].digest, DIGEST);
  assert.equal(approvals[0].digest, DIGEST);
  assert.equal(approvals[0].reason, "internal only");
  assert.ok(approvals[0].expiresAtMs > Date.now() + 29 * 86_400_000);

  await queue("approve", "web", "--reason", "read", "--cve", "CVE-2026-1");
  const [byDefault] = JSON.parse((await queue("list", "--json")).stdout).approvals;
  const days = (byDefault.expiresAtMs - Date.now()) / 86_400_000;
  assert.ok(days > 29 && days <= 30, "an approval without --expires ends after 30 days");
  assert.match((await queue("revoke", "wbe")).stderr, /Did you mean web\?/);
  assert.match((await queue("revoke", "web")).stdout, /^2 approvals of web taken back/);
  assert.deepEqual(JSON.parse((await queue("list", "--json")).stdout).approvals, []);
  assert.equal((await queue("revoke", "web")).exitCode, 2);

  const mistyped = await queue("remove", "wbe");
  assert.equal(mistyped.exitCode, 2);
  assert.match(mistyped.stderr, /Did you mean web\?/);
  assert.equal((await queue("remove", "web")).exitCode, 0);
  assert.match((await queue("list")).stdout, /queue is empty/);
});

test("approving findings takes only ids of findings", async () => {
  using config = temporaryConfig();
  withQueue(config.folder);
  const approve = ["queue", "approve", "web", "--reason", "r", "--config", config.path];
  const wrong = await runCli([...approve, "--cve", "2026"]);
  assert.equal(wrong.exitCode, 2);
  const right = await runCli([...approve, "--json", "--cve", "cve-2026-1", "GHSA-aaaa-bbbb-cccc"]);
  assert.equal(right.exitCode, 0, right.stderr);
  const { approval } = JSON.parse(right.stdout);
  assert.deepEqual(approval.ids, ["CVE-2026-1", "GHSA-aaaa-bbbb-cccc"]);
  assert.equal(approval.digest, null);
});

test("without an engine every command that needs it exits 4 with what to do", async () => {
  using config = temporaryConfig();
  for (const words of [["weekly"], ["status"], ["scan", "web"], ["health", "all"], ["doctor"]]) {
    const { exitCode, stdout, stderr } = await runCli([...words, "--config", config.path]);
    assert.equal(exitCode, 4, `${words}: ${stdout}${stderr}`);
    assert.match(stdout + stderr, /Start the engine/);
  }
});

test("an error is JSON on standard output with --json, with its permanent code", async () => {
  using config = temporaryConfig();
  const { exitCode, stdout } = await runCli(["status", "--json", "--config", config.path]);
  assert.equal(exitCode, 4);
  assert.equal(JSON.parse(stdout).error.code, "ENGINE_UNREACHABLE");
});

test("wrong values of options exit 2 before anything is opened", async () => {
  using config = temporaryConfig();
  for (const words of [
    ["weekly", "--wait", "soon"],
    ["history", "--limit", "many"],
    ["rollback", "container", "web", "0"],
    ["health", "all", "web"],
    ["notify", "test"],
  ]) {
    const { exitCode, stderr } = await runCli([...words, "--config", config.path]);
    assert.equal(exitCode, 2, `${words.join(" ")}: ${stderr}`);
  }
});

test("a reader that goes away is no failure", async () => {
  using config = temporaryConfig();
  const child = spawn(LAUNCHER, ["config", "schema", "--config", config.path], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, PRATIQUE_CACHE: config.folder },
  });
  child.stdout.destroy();
  let complaints = "";
  child.stderr.on("data", (data: Buffer) => {
    complaints += String(data);
  });
  const exitCode = await new Promise((resolve) => child.once("close", resolve));
  assert.equal(complaints, "");
  assert.equal(exitCode, 0);
});

test("an error that nobody catches is a bug report with exit code 70", async () => {
  using config = temporaryConfig();
  const thrower =
    'process.once("beforeExit", () => { throw new TypeError("lost in a callback"); })';
  const { exitCode, stderr } = await runCli(["queue", "list", "--config", config.path], {
    environment: { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(thrower)}` },
  });
  assert.equal(exitCode, 70, stderr);
  assert.match(stderr, /^pratique: TypeError: lost in a callback$/m);
  assert.match(stderr, /^Next: /m);
});
