/** The drop-in scripts: how they find pratique, and what they make of their arguments. */
import assert from "node:assert/strict";
import {
  chmodSync,
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openLab } from "../../lab/open-lab.ts";
import { runProgram } from "../../lab/run-program.ts";
import { runContainer } from "../services/check-lab.ts";

const FOLDER = join(import.meta.dirname, "../../../scripts");
const HEALTH = join(FOLDER, "health-checks.sh");
const ROLLBACK = join(FOLDER, "rollback.sh");
const UPDATE = join(FOLDER, "secure-container-update.sh");
const SAY = '#!/bin/sh\nfor word in "$@"; do echo "[$word]"; done\nexit 3\n';
const SYSTEM_PATH = "/usr/bin:/bin";
const FINDING = "# Finds pratique and becomes it;";

/** What each script is called with in the tests of finding, and what pratique is then given. */
const CALLS: readonly [string, string[], string][] = [
  [HEALTH, ["all"], "[health]\n[all]"],
  [ROLLBACK, ["list"], "[rollback]\n[list]"],
  [UPDATE, ["weekly"], "[weekly]"],
];

function script(
  path: string,
  args: readonly string[],
  environment: Record<string, string>,
  folder = FOLDER,
) {
  return runProgram("sh", [path, ...args], { environment, folder, mayFail: true });
}

function scratch() {
  const folder = mkdtempSync(join(tmpdir(), "scripts-"));
  const program = join(folder, "pratique");
  writeFileSync(program, SAY);
  chmodSync(program, 0o755);
  return { folder, program, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}

test("every script finds pratique in the same way", () => {
  const texts = readdirSync(FOLDER).map((name) => readFileSync(join(FOLDER, name), "utf8"));
  const endings = new Set(texts.map((text) => text.slice(text.indexOf(FINDING))));
  assert.equal(endings.size, 1, "From the line that begins so on, they must be the same.");
  assert.ok([...endings][0]?.startsWith(FINDING));
});

test("the scripts hand their arguments to $PRATIQUE and return its exit code", async () => {
  using here = scratch();
  writeFileSync(join(here.folder, "all.sql"), "");
  writeFileSync(join(here.folder, "atuin"), "");
  const given: [string, string[], string][] = [
    [HEALTH, ["two words", "b"], "[health]\n[two words]\n[b]"],
    [ROLLBACK, ["list-containers", "web"], "[rollback]\n[list-containers]\n[web]"],
    [ROLLBACK, ["container", "web", "2"], "[rollback]\n[container]\n[web]\n[2]"],
    [ROLLBACK, ["list-postgres", "--json"], "[rollback]\n[list-postgres]\n[--json]"],
    [
      ROLLBACK,
      ["postgres", "all.sql", "--yes"],
      `[rollback]\n[postgres]\n[${here.folder}/all.sql]\n[--yes]`,
    ],
    [
      ROLLBACK,
      ["database", "atuin", "all.sql"],
      `[rollback]\n[database]\n[atuin]\n[${here.folder}/all.sql]`,
    ],
    [ROLLBACK, ["postgres", "/a b"], "[rollback]\n[postgres]\n[/a b]"],
    [ROLLBACK, ["postgres", "absent"], "[rollback]\n[postgres]\n[absent]"],
    [UPDATE, ["weekly", "--dry-run"], "[weekly]\n[--dry-run]"],
    [UPDATE, ["--auto"], "[weekly]"],
    [UPDATE, ["--auto", "--quiet"], "[weekly]\n[--quiet]"],
    [UPDATE, ["retry", "--wait", "10m"], "[retry]\n[--wait]\n[10m]"],
    [UPDATE, ["status"], "[status]"],
    [UPDATE, ["scan", "web"], "[scan]\n[web]"],
    [UPDATE, ["update", "web", "--quiet"], "[update]\n[web]\n[--quiet]"],
  ];
  for (const [path, args, expected] of given) {
    const environment = { PRATIQUE: here.program, PATH: SYSTEM_PATH };
    const ran = await script(path, args, environment, here.folder);
    assert.deepEqual([ran.code, ran.stdout], [3, expected]);
  }
});

test("the scripts and pratique work from a noexec mount, copied there", async () => {
  using here = scratch();
  const mount = join(here.folder, "pool");
  await runProgram("mkdir", [mount]);
  await runProgram("mount", ["-t", "tmpfs", "-o", "noexec", "pool", mount]);
  try {
    const program = join(mount, "pratique");
    copyFileSync(here.program, program);
    for (const [path, args, expected] of CALLS) {
      const copy = join(mount, "copy.sh");
      copyFileSync(path, copy);
      await assert.rejects(runProgram(copy, args), /EACCES|ermission denied/);
      const ran = await script(copy, args, { PRATIQUE: program, PATH: SYSTEM_PATH });
      assert.deepEqual([ran.code, ran.stdout], [3, expected]);
    }
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
  const answers = async () =>
    Promise.all(CALLS.map(([path, args]) => script(path, args, environment)));
  const expected = CALLS.map(([, , output]) => output);
  const inContainer = await answers();
  assert.deepEqual(
    inContainer.map(({ code, stdout }) => [code, stdout]),
    expected.map((output) => [1, output]),
  );
  await lab.docker(["stop", "--time", "1", "pratique"]);
  const onPath = await answers();
  assert.deepEqual(
    onPath.map(({ code, stdout }) => [code, stdout]),
    expected.map((output) => [3, output]),
  );
});

test("a script says what it looked for when there is no pratique, and how it is used", async () => {
  for (const [path, args] of CALLS) {
    const none = await script(path, args, { PATH: SYSTEM_PATH });
    assert.equal(none.code, 4);
    assert.match(
      none.stderr,
      /\.sh: found no pratique.*\$PRATIQUE.*container named pratique \(there is no docker.*on PATH/s,
    );
    const wrong = await script(path, args, { PATH: SYSTEM_PATH, PRATIQUE: "/no/such" });
    assert.equal(wrong.code, 4);
    assert.match(wrong.stderr, /PRATIQUE is \/no\/such/);
    const usage = await script(path, [], { PATH: SYSTEM_PATH });
    assert.equal(usage.code, 2);
    assert.match(usage.stderr, new RegExp(`${path.split("/").at(-1)} ${args.join(" ")}`));
    const help = await script(path, ["--help"], { PATH: SYSTEM_PATH });
    assert.equal(help.code, 0);
    assert.match(help.stdout, /Runs under any sh/);
  }
  for (const [path, ...args] of [
    [ROLLBACK, "everything"],
    [UPDATE, "everything"],
    [UPDATE, "scan"],
    [UPDATE, "update"],
  ] as const) {
    const unknown = await script(path, args, { PATH: SYSTEM_PATH, PRATIQUE: "/x" });
    assert.equal(unknown.code, 2);
  }
});
