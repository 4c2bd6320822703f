import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { healthyAfter, web } from "../../lab/behaviours.ts";
import type { ImageSpec, Lab } from "../../lab/lab-types.ts";
import { openLab } from "../../lab/open-lab.ts";
import { pollUntil } from "../../lab/poll-until.ts";
import { PROGRAM_PATH, programMounts } from "../../lab/service-programs.ts";
import { sliceOf } from "../../lab/slice-of.ts";
import { hostOn, runningImage } from "./host.ts";

const run = ["run", "--detach", "--restart", "unless-stopped"];

const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

async function startWeb(lab: Lab, name = "web"): Promise<void> {
  await lab.image(`${name}:latest`, web(`${name} one`));
  await lab.docker([...run, "--name", name, `127.0.0.1:5000/${name}:latest`]);
}

test("runs that are disturbed from outside end well, and are told", async (t) => {
  await using lab = await openLab({ remembersScans: true });

  await t.test(
    "an unreachable ntfy fails no update, and the messages arrive in order when it returns (I6)",
    async () => {
      const host = hostOn(lab);
      await startWeb(lab);
      const candidate = await lab.image("web:latest", web("two"));
      await lab.ntfy.stop();

      // It stays up to five minutes for the outbox; a person need not wait for that.
      const child = lab.startPratique(["weekly"], { config: host.config });
      await pollUntil("the update is in the history", 60_000, async () => {
        const { stdout } = await host.pratique("history", "--json");
        return stdout.includes('"updated"') ? true : undefined;
      });
      assert.equal(await runningImage(lab, "web"), candidate.imageId);
      child.kill("SIGINT");
      const [code] = await once(child, "exit");

      assert.equal(code, 0);
      await lab.ntfy.start();
      assert.deepEqual(await host.messages(), []);
      // The next command of any kind goes on, also one that needs no engine.
      const told = await pollUntil("the messages are delivered", 60_000, async () => {
        const next = await host.pratique("queue", "list");
        assert.equal(next.code, 0, next.stderr);
        const titles = (await host.messages()).map(({ title }) => title);
        return titles.length < 2 ? undefined : titles;
      });
      assert.deepEqual(told, ["[lab] container update: web", "[lab] container update: weekly"]);
    },
  );

  await t.test(
    "a second run at the same time ends with exit 5 and says who holds the lock",
    async () => {
      const host = hostOn(lab, "health:\n  timeout: 60s\n  stable: 1s\n");
      const candidate = await lab.image("web:latest", healthyAfter(6, "two"));

      const first = lab.startPratique(["update", "web"], { config: host.config });
      await untilRuns(lab, "web", candidate.imageId);
      const second = await host.pratique("update", "web");
      const retry = await host.pratique("retry");
      const patient = await host.pratique("retry", "--wait", "2m");
      const [code] = first.exitCode === null ? await once(first, "exit") : [first.exitCode];

      assert.equal(second.code, 5, second.stderr);
      assert.match(second.stderr, /update \(process \d+\)/);
      assert.equal(retry.code, 5);
      assert.equal(patient.code, 0, patient.stderr);
      assert.equal(code, 0);
    },
  );

  await t.test(
    "a signal in the middle of a deployment finishes the container in hand and begins no other",
    async (inner) => {
      const host = hostOn(lab, "health:\n  timeout: 60s\n  stable: 1s\n");
      await startWeb(lab, "web-a");
      await startWeb(lab, "web-b");
      const former = await runningImage(lab, "web-b");
      await lab.image("web-b:latest", healthyAfter(3, "b two"));

      for (const signal of sliceOf(SIGNALS, (name) => name, ["SIGTERM"])) {
        await inner.test(signal, async () => {
          const candidate = await lab.image("web-a:latest", healthyAfter(3, `a ${signal}`));
          const toldBefore = (await host.messages()).length;
          const child = lab.startPratique(["weekly"], { config: host.config });
          await untilRuns(lab, "web-a", candidate.imageId);
          child.kill(signal);
          const [code] = await once(child, "exit");

          assert.equal(code, 130, "not everything was looked at");
          assert.equal(await runningImage(lab, "web-a"), candidate.imageId);
          assert.equal(await runningImage(lab, "web-b"), former);
          await assertHealthy(lab, "web-a");
          await assertHealthy(lab, "web-b");
          const bodies = (await host.messages())
            .slice(toldBefore)
            .map(({ message }) => message ?? "");
          assert.ok(
            bodies.some((body) => body.includes("interrupted")),
            bodies.join("\n"),
          );
          const recovered = await host.pratique("recover", "--json");
          assert.deepEqual(JSON.parse(recovered.stdout).containers, []);
        });
      }
    },
  );
});

test("ntfy's own update is told on ntfy, and a broken one is rolled back and told after that", async () => {
  await using lab = await openLab({ remembersScans: true });
  const image = (label: string, command: readonly string[]): ImageSpec => ({
    cmd: command,
    exposedPorts: ["80/tcp"],
    env: { PATH: PROGRAM_PATH },
    labels: { version: label },
  });
  const serve = "ntfy serve --config /dev/null --listen-http :80 --cache-file /cache/cache.db";
  await lab.image("ntfy:latest", image("one", serve.split(" ")));
  const mounts = [...programMounts(process.execPath), "--volume", "cache:/cache"];
  await lab.docker([...run, "--name", "ntfy", ...mounts, "127.0.0.1:5000/ntfy:latest"]);
  const host = hostOn(lab);
  host.useNtfy("http://ntfy:80");

  const good = await lab.image("ntfy:latest", image("two", serve.split(" ")));
  const updated = await host.pratique("weekly");
  assert.equal(updated.code, 0, updated.stderr);
  assert.equal(await runningImage(lab, "ntfy"), good.imageId);
  await lab.image("ntfy:latest", image("broken", ["false"]));
  const broken = await host.pratique("weekly");
  assert.equal(broken.code, 1, broken.stderr);
  assert.equal(await runningImage(lab, "ntfy"), good.imageId);

  const script = `wget -q -O - 'http://127.0.0.1/${host.topic}/json?poll=1'`;
  const { stdout } = await lab.docker(["exec", "ntfy", "/bin/sh", "-c", script]);
  const bodies = stdout.split("\n").map((line) => String(JSON.parse(line).message));
  const starts = bodies.map((body) => body.split(" - ")[0]);
  assert.deepEqual(starts, ["updated", "done", "rolling back", "failed", "done"]);
});

/** Its deployment is in hand then. */
async function untilRuns(lab: Lab, container: string, imageId: string): Promise<void> {
  await pollUntil(`${container} runs the candidate`, 60_000, async () =>
    (await runningImage(lab, container)) === imageId ? true : undefined,
  );
}

async function assertHealthy(lab: Lab, container: string): Promise<void> {
  const { stdout } = await lab.docker([
    "inspect",
    "--format",
    "{{.State.Health.Status}}",
    container,
  ]);
  assert.equal(stdout, "healthy", container);
}
