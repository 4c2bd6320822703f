import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { healthyAfter, neverHealthy, web } from "../../lab/behaviours.ts";
import type { ImageSpec, Lab } from "../../lab/lab-types.ts";
import { openLab } from "../../lab/open-lab.ts";
import { pollUntil } from "../../lab/poll-until.ts";
import { openRegistryProxy, type RegistryProxy } from "../../lab/registry-proxy.ts";
import { isFull, sliceOf } from "../../lab/slice-of.ts";
import {
  containerId,
  type Host,
  holdOf,
  hostOn,
  outcomesOf,
  runContainer,
  runningImage,
} from "./host.ts";

const HOOKS = join(import.meta.dirname, "..", "..", "faults");
const SHIFT_CLOCK = `--import=${join(HOOKS, "shift-clock.ts")}`;
const NOTE_STEPS = `--import=${join(HOOKS, "kill-at.ts")}`;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const JUMPS: readonly [name: string, shiftMs: number][] = [
  ["a day forward", DAY_MS],
  ["an hour back", -HOUR_MS],
];
const SETTINGS = "retry:\n  maxAttempts: 100\nhealth:\n  timeout: 10s\n  stable: 1s\n";

interface Site {
  lab: Lab;
  host: Host;
  proxy: RegistryProxy;
  reference: string;
}

test("what happens around an update is an outcome of it, and the next run goes on", async (t) => {
  await using lab = await openLab();
  await using proxy = await openRegistryProxy();
  const host = hostOn(lab, SETTINGS);
  const site = { lab, host, proxy, reference: `${proxy.host}/web:latest` };
  await lab.image("web:latest", web("one"));
  await runContainer(lab, "web", site.reference, ["--restart", "unless-stopped"]);
  await t.test("a scanner that dies in the middle of a scan holds the candidate (I7)", () =>
    scannerDies(site),
  );
  for (const [name, shiftMs] of sliceOf(JUMPS, ([name]) => name, ["an hour back"])) {
    await t.test(`a clock that jumps ${name} moves no deadline`, () => clockJumps(site, shiftMs));
  }
  const phases = isFull ? (["pull", "deploy", "verify"] as const) : (["verify"] as const);
  for (const phase of phases) {
    await t.test(`an engine that restarts in ${phase} leaves one healthy container`, () =>
      engineRestarts(site, phase),
    );
  }
});

async function scannerDies({ lab, host, proxy }: Site): Promise<void> {
  const former = await containerId(lab, "web");
  const candidate = await lab.image("web:latest", { ...web("two"), extraBytes: 100_000 });
  const slow = { kind: "slow" as const, bytesPerSecond: 10_000 };
  const isLayer = /\/blobs\//;
  const heal = proxy.inject({ path: isLayer, agent: /trivy|go-containerregistry/i, action: slow });
  const running = host.run("weekly");
  await pollUntil(
    "the scanner reads a layer",
    120_000,
    () =>
      proxy.requests.some(({ path, headers }) => {
        return isLayer.test(path) && !/docker|pratique/.test(headers["user-agent"] ?? "");
      }) || undefined,
  );
  await lab.trivy.kill();
  const report = await running;
  assert.match(holdOf(report, "web"), /^scan: /);
  assert.equal(report.exitCode, 4);
  assert.equal(await containerId(lab, "web"), former);
  heal();
  await lab.trivy.start();
  const again = await host.run("retry");
  assert.deepEqual(outcomesOf(again), { web: "updated" });
  assert.equal(await runningImage(lab, "web"), candidate.imageId);
}

async function clockJumps({ lab, host }: Site, shiftMs: number): Promise<void> {
  const environment = {
    NODE_OPTIONS: SHIFT_CLOCK,
    PRATIQUE_TEST_SHIFT_MS: String(shiftMs),
    PRATIQUE_TEST_SHIFT_AT: "verify",
  };
  const update = (image: ImageSpec) => updateTo({ lab, host }, image, environment);

  if (shiftMs > 0) {
    const good = await update(healthyAfter(4, `good ${shiftMs}`));
    const { outcome } = good.report.containers[0] ?? assert.fail(good.said);
    assert.equal(outcome.kind, "updated", `not given up at once: ${good.said}`);
    const { downtimeMs } = outcome;
    assert.ok(downtimeMs > 3000 && downtimeMs <= good.durationMs, `downtime ${downtimeMs} ms`);
  } else {
    const bad = await update(neverHealthy(`bad ${shiftMs}`));
    const { outcome } = bad.report.containers[0] ?? assert.fail(bad.said);
    assert.equal(outcome.kind, "rolled-back", `not waited for an hour: ${bad.said}`);
  }

  // Somebody else holds the lock for six seconds and more.
  await lab.image("web:latest", healthyAfter(6, `held ${shiftMs}`));
  const holder = host.pratique("update", "web");
  await pollUntil(
    "the lock is held",
    60_000,
    () => existsSync(join(host.state, "lock.json")) || undefined,
  );
  const { PRATIQUE_TEST_SHIFT_AT: _, ...soon } = environment;
  const wait = shiftMs > 0 ? "3m" : "2s";
  const options = { config: host.config, environment: soon, timeoutMs: 300_000 };
  const waited = await lab.pratique(["retry", "--wait", wait], options);
  // A day forward, the time is not over; an hour back, it does not last an hour.
  assert.equal(waited.code === 5, shiftMs < 0, waited.stderr);
  assert.equal((await holder).code, 0);
}

async function updateTo(
  { lab, host }: Pick<Site, "lab" | "host">,
  image: ImageSpec,
  environment: Record<string, string>,
) {
  await lab.image("web:latest", image);
  const startedMs = performance.now();
  const options = { config: host.config, environment, timeoutMs: 300_000 };
  const { stdout, stderr } = await lab.pratique(["update", "web", "--json"], options);
  const durationMs = Math.round(performance.now() - startedMs);
  return { report: JSON.parse(stdout), said: stdout + stderr, durationMs };
}

async function engineRestarts(
  { lab, host, proxy }: Site,
  phase: "pull" | "deploy" | "verify",
): Promise<void> {
  const image = { ...healthyAfter(2, `restart in ${phase}`), extraBytes: 100_000 };
  const candidate = await lab.image("web:latest", image);
  const former = await runningImage(lab, "web");
  const steps = join(lab.dir, "steps");
  rmSync(steps, { force: true });
  const slow = { kind: "slow" as const, bytesPerSecond: 10_000 };
  proxy.reset();
  if (phase === "pull") proxy.inject({ path: /\/blobs\//, agent: /docker/, action: slow });
  const environment = { NODE_OPTIONS: NOTE_STEPS, PRATIQUE_TEST_STEPS: steps };
  const options = { config: host.config, environment, timeoutMs: 300_000 };
  const running = lab.pratique(["update", "web"], options);
  await pollUntil(`the update is in ${phase}`, 120_000, () => {
    const isPulling = phase === "pull" && proxy.count("GET", /\/blobs\//) > 0;
    const isThere = existsSync(steps) && readFileSync(steps, "utf8").includes(` ${phase} `);
    return isPulling || isThere || undefined;
  });
  await lab.engine.restart();
  const { stdout, stderr } = await running;
  proxy.reset();
  const recovered = await host.pratique("recover");
  const told = `${stdout}\n${stderr}\n${recovered.stdout}\n${recovered.stderr}`;
  await assertOneHealthy(lab, told);
  if (phase === "pull") assert.equal(await runningImage(lab, "web"), former, told);
  else assert.ok([former, candidate.imageId].includes(await runningImage(lab, "web")), told);
  const next = await host.run("weekly");
  assert.ok(["updated", "up-to-date"].includes(outcomesOf(next).web ?? ""), JSON.stringify(next));
  assert.equal(await runningImage(lab, "web"), candidate.imageId);
}

async function assertOneHealthy(lab: Lab, told: string): Promise<void> {
  const names = (await lab.docker(["ps", "--all", "--format", "{{.Names}}"])).stdout;
  assert.equal(names, "web", told);
  await pollUntil("the container is healthy", 30_000, async () => {
    const fields = "{{.State.Status}} {{.State.Health.Status}}";
    const { stdout } = await lab.docker(["inspect", "--format", fields, "web"]);
    return stdout === "running healthy" || undefined;
  });
}
