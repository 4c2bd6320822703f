/** The drop-in scripts on a host whose pratique runs in a container, under each shell. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import type { Lab } from "../../lab/lab-types.ts";
import { openLab } from "../../lab/open-lab.ts";
import { pollUntil } from "../../lab/poll-until.ts";
import { findPrograms } from "../../lab/programs.ts";
import { runContainer } from "../services/check-lab.ts";

const SCRIPT = join(import.meta.dirname, "../../../scripts/secure-container-update.sh");

/** Says where it is and which signals come, ends by itself after 20 s, and leaves a trace. */
const PRATIQUE = `#!/bin/sh
trap 'echo got TERM; exit 7' TERM
trap 'echo got INT; exit 8' INT
if [ -t 1 ]; then echo "terminal \${NO_COLOR:-colour}"; else echo "pipe \${NO_COLOR:-colour}"; fi
case $1 in
status) exit 3 ;;
weekly) i=0; while [ $i -lt 200 ]; do sleep 0.1; i=$((i + 1)); done ;;
retry) sleep 1; echo second line; echo third line; sleep 1; echo done >/tmp/finished ;;
esac
`;

interface Host {
  shell: readonly string[];
  environment: Record<string, string>;
}

/** Both plain shells of Debian; the second has no setsid on its PATH. */
function hostsOf(lab: Lab): Host[] {
  const { DOCKER_HOST = "", DOCKER_CONFIG = "", PATH = "" } = lab.environment;
  const { busybox, docker } = findPrograms();
  const bare = lab.folder("bare");
  symlinkSync(docker, join(bare, "docker"));
  for (const applet of ["date", "tail"]) symlinkSync(busybox, join(bare, applet));
  return [
    { shell: ["/bin/dash"], environment: { DOCKER_HOST, DOCKER_CONFIG, PATH } },
    { shell: [busybox, "ash"], environment: { DOCKER_HOST, DOCKER_CONFIG, PATH: bare } },
  ];
}

/** A group of its own, as a terminal's foreground has. */
function start({ shell, environment }: Host, ...words: string[]): ChildProcess {
  const [program = "", ...first] = shell;
  return spawn(program, [...first, SCRIPT, ...words], {
    env: environment,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
}

async function exitOf(child: ChildProcess): Promise<number | null> {
  return await new Promise((resolve) => child.once("close", resolve));
}

async function hasStarted(child: ChildProcess): Promise<void> {
  await new Promise((resolve) => child.stdout?.once("data", resolve));
}

test("scripts and a pratique in its container", async (t) => {
  await using lab = await openLab({ parts: ["engine", "registry"] });
  await runContainer(lab, "pratique", {
    files: { "/bin/pratique": PRATIQUE },
    cmd: ["sleep", "600"],
  });
  const hosts = hostsOf(lab);
  const [dash] = hosts;
  assert.ok(dash);

  for (const host of hosts) {
    const shell = host.shell.at(-1);
    await t.test(`signals reach it and its exit code comes back: ${shell}`, async () => {
      for (const [signal, answer, code] of [
        ["SIGTERM", "got TERM", 7],
        ["SIGHUP", "got TERM", 7],
        ["SIGINT", "got INT", 8],
      ] as const) {
        const child = start(host, "weekly");
        const output = text(child.stdout ?? process.stdin);
        await hasStarted(child);
        child.kill(signal);
        assert.deepEqual(
          [signal, await exitOf(child), (await output).includes(answer)],
          [signal, code, true],
        );
      }
    });

    await t.test(`its terminal is used where there is one: ${shell}`, async () => {
      const command = [...host.shell, SCRIPT, "status"].join(" ");
      const environment = { ...host.environment, NO_COLOR: "1", SHELL: "/bin/sh", TERM: "xterm" };
      const child = spawn("/usr/bin/script", ["-qec", command, "/dev/null"], { env: environment });
      const [code, output] = await Promise.all([exitOf(child), text(child.stdout)]);
      assert.deepEqual([code, output], [3, "terminal 1\r\n"]);
      const pipe = start(host, "status");
      const piped = await Promise.all([exitOf(pipe), text(pipe.stdout ?? process.stdin)]);
      assert.deepEqual(piped, [3, "pipe colour\n"]);
    });
  }

  await t.test("what ends a terminal's whole group is told once, and the end is seen", async () => {
    for (const [signal, answer, code] of [
      ["SIGINT", "got INT", 8],
      ["SIGHUP", "got TERM", 7],
    ] as const) {
      const child = start(dash, "weekly");
      const output = text(child.stdout ?? process.stdin);
      await hasStarted(child);
      process.kill(-(child.pid ?? 0), signal);
      assert.deepEqual([await exitOf(child), await output], [code, `pipe colour\n${answer}\n`]);
    }
  });

  await t.test("a closed pipe does not end it", async () => {
    const child = start(dash, "retry");
    await hasStarted(child);
    child.stdout?.destroy();
    await exitOf(child);
    await pollUntil("the end of the run", 30_000, async () => {
      const { code } = await lab.docker(["exec", "pratique", "cat", "/tmp/finished"], {
        mayFail: true,
      });
      return code === 0 ? true : undefined;
    });
  });

  await t.test("nothing is left in the container's /tmp", async () => {
    await pollUntil("an empty /tmp", 30_000, async () => {
      const { stdout } = await lab.docker(["exec", "pratique", "ls", "/tmp"]);
      return stdout === "finished" ? true : undefined;
    });
  });

  await t.test("a container that stands still is named", async () => {
    await lab.docker(["stop", "--time", "1", "pratique"]);
    const child = start(dash, "status");
    const [code, errors] = await Promise.all([exitOf(child), text(child.stderr ?? process.stdin)]);
    assert.equal(code, 4);
    assert.match(errors, /container named pratique \(docker: exited\)/);
  });
});
