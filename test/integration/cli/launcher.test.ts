import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import test from "node:test";
import { LAUNCHER, runCli, temporaryConfig } from "./run-cli.ts";

const CHECKOUT = dirname(dirname(LAUNCHER));

function temporaryFolder(): Disposable & { path: string } {
  const path = mkdtempSync(join(tmpdir(), "pratique-launcher-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

test("the launcher works through symbolic links, relative ones too", async () => {
  using folder = temporaryFolder();
  const absolute = join(folder.path, "pratique");
  symlinkSync(LAUNCHER, absolute);
  mkdirSync(join(folder.path, "bin"));
  symlinkSync("../pratique", join(folder.path, "bin", "p"));
  for (const launcher of [[absolute], [join(folder.path, "bin", "p")], ["sh", absolute]]) {
    const { exitCode, stdout } = await runCli(["--version"], { launcher });
    assert.equal(exitCode, 0, launcher.join(" "));
    assert.match(stdout, /^\d+\.\d+\.\d+/);
  }
});

test("the launcher is found on PATH and by a bare name", async () => {
  const environment = { PATH: `${dirname(LAUNCHER)}:${process.env.PATH}` };
  const onPath = await runCli(["--version"], { launcher: ["pratique"], environment });
  assert.equal(onPath.exitCode, 0);
  const bare = await runCli(["--version"], {
    launcher: ["sh", "pratique"],
    workingFolder: dirname(LAUNCHER),
  });
  assert.equal(bare.exitCode, 0);
});

test("an unwritable cache folder is no failure", async () => {
  using config = temporaryConfig();
  for (const environment of [
    { PRATIQUE_CACHE: "/dev/null/nowhere" },
    { PRATIQUE_CACHE: "", XDG_CACHE_HOME: "/dev/null/nowhere" },
  ]) {
    const words = ["config", "check", "--config", config.path];
    const { exitCode, stderr } = await runCli(words, { environment });
    assert.equal(exitCode, 0);
    assert.equal(stderr, "");
  }
});

test("a node that is too old, or none, is said with what to do", async () => {
  using folder = temporaryFolder();
  // A copy of the launcher alone: no node of its own beside it.
  cpSync(dirname(LAUNCHER), join(folder.path, "bin"), { recursive: true });
  const launcher = ["/bin/sh", join(folder.path, "bin", "pratique")];
  const none = await runCli(["--version"], { launcher, environment: { PATH: "/nowhere" } });
  assert.equal(none.exitCode, 4);
  assert.match(none.stderr, /needs Node\.js 24 or newer/);
  assert.match(none.stderr, /^Next: /m);
});

test("a node of the machine that is new enough is used", async () => {
  using folder = temporaryFolder();
  for (const part of ["bin", "src", "package.json"]) {
    cpSync(join(CHECKOUT, part), join(folder.path, part), { recursive: true });
  }
  // The sources need their packages, but not the node that is among them.
  mkdirSync(join(folder.path, "node_modules"));
  for (const name of ["commander", "valibot", "yaml", "p-limit", "yocto-queue"]) {
    symlinkSync(join(CHECKOUT, "node_modules", name), join(folder.path, "node_modules", name));
  }
  const environment = { PATH: `${dirname(process.execPath)}:${process.env.PATH}` };
  const launcher = [join(folder.path, "bin", "pratique")];
  const { exitCode, stdout, stderr } = await runCli(["--version"], { launcher, environment });
  assert.equal(stderr, "");
  assert.equal(exitCode, 0);
  assert.match(stdout, /^\d+\.\d+\.\d+/);
});

test("an installed package runs its compiled code, a checkout its sources", async () => {
  using folder = temporaryFolder();
  cpSync(dirname(LAUNCHER), join(folder.path, "bin"), { recursive: true });
  mkdirSync(join(folder.path, "dist"));
  mkdirSync(join(folder.path, "src"));
  writeFileSync(join(folder.path, "dist", "main.js"), "console.log('compiled')");
  writeFileSync(join(folder.path, "src", "main.ts"), "console.log('sources')");
  const launcher = [join(folder.path, "bin", "pratique")];
  const environment = { PRATIQUE_NODE: process.execPath };
  const installed = await runCli([], { launcher, environment });
  assert.equal(installed.stdout, "compiled\n", installed.stderr);
  mkdirSync(join(folder.path, ".git"));
  const checkout = await runCli([], { launcher, environment });
  assert.equal(checkout.stdout, "sources\n", checkout.stderr);
});
