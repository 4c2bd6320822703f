import assert from "node:assert/strict";
import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openLab } from "../../lab/open-lab.ts";
import { runProgram } from "../../lab/run-program.ts";
import { runContainer } from "./check-lab.ts";

const SCRIPT = join(import.meta.dirname, "../../../scripts/health-checks.sh");
const SAY = '#!/bin/sh\nfor word in "$@"; do echo "[$word]"; done\nexit 3\n';
const SYSTEM_PATH = "/usr/bin:/bin";

function script(args: readonly string[], environment: Record<string, string>, path = SCRIPT) {
  return runProgram("sh", [path, ...args], { environment, mayFail: true });
}

function scratch() {
  const folder = mkdtempSync(join(tmpdir(), "health-checks-"));
  const program = join(folder, "pratique");
  writeFileSync(program, SAY);
  chmodSync(program, 0o755);
  return { folder, program, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}

test("the script hands its arguments to $PRATIQUE and returns its exit code", async () => {
  using here = scratch();
  const ran = await script(["two words", "b"], { PRATIQUE: here.program, PATH: SYSTEM_PATH });
  assert.deepEqual([ran.code, ran.stdout], [3, "[health]\n[two words]\n[b]"]);
});

test("the script and pratique work from a noexec mount, copied there", async () => {
  using here = scratch();
  const mount = join(here.folder, "pool");
  await runProgram("mkdir", [mount]);
  await runProgram("mount", ["-t", "tmpfs", "-o", "noexec", "pool", mount]);
  try {
    const copy = join(mount, "health-checks.sh");
    copyFileSync(SCRIPT, copy);
    const program = join(mount, "pratique");
    copyFileSync(here.program, program);
    await assert.rejects(runProgram(copy, ["all"]), /EACCES|ermission denied/);
    const ran = await script(["all"], { PRATIQUE: program, PATH: SYSTEM_PATH }, copy);
    assert.deepEqual([ran.code, ran.stdout], [3, "[health]\n[all]"]);
  } finally {
    await runProgram("umount", [mount]);
  }
});

test("without $PRATIQUE the running container is asked, and then PATH", async () => {
  using here = scratch();
  await using lab = await openLab({ parts: ["engine", "registry"] });
  const spec = {
    files: { "/bin/pratique": SAY.replace("exit 3", "exit 1") },
    cmd: ["sleep", "60"],
  };
  await runContainer(lab, "pratique", spec);
  const { DOCKER_HOST = "", DOCKER_CONFIG = "", PATH = "" } = lab.environment;
  const environment = { DOCKER_HOST, DOCKER_CONFIG, PATH: `${here.folder}:${PATH}` };
  const inContainer = await script(["all"], environment);
  assert.deepEqual([inContainer.code, inContainer.stdout], [1, "[health]\n[all]"]);
  await lab.docker(["stop", "--time", "1", "pratique"]);
  const onPath = await script(["all"], environment);
  assert.deepEqual([onPath.code, onPath.stdout], [3, "[health]\n[all]"]);
});

test("the script says what it looked for when there is no pratique, and how it is used", async () => {
  const none = await script(["all"], { PATH: SYSTEM_PATH });
  assert.equal(none.code, 4);
  assert.match(none.stderr, /found no pratique.*\$PRATIQUE.*container named pratique.*on PATH/s);
  const wrong = await script(["all"], { PATH: SYSTEM_PATH, PRATIQUE: "/no/such" });
  assert.equal(wrong.code, 4);
  assert.match(wrong.stderr, /PRATIQUE is \/no\/such/);
  const usage = await script([], { PATH: SYSTEM_PATH });
  assert.equal(usage.code, 2);
  assert.match(usage.stderr, /health-checks\.sh all/);
  assert.equal((await script(["--help"], { PATH: SYSTEM_PATH })).code, 0);
});
