import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Host, hostOn } from "../integration/update/host.ts";
import { neverHealthy, web } from "../lab/behaviours.ts";
import type { ImageSpec, Lab } from "../lab/lab-types.ts";
import { openLab } from "../lab/open-lab.ts";

const HOOK = `--import=${join(import.meta.dirname, "kill-at.ts")}`;
const MOST_STEPS = 40;
/** Journal entries between phases; `npm run faults` kills there too. */
const BETWEEN_PHASES = /^\d+ (open|plan) /;
/** In the middle of the deployment, while compose and the engine are at work. */
const DELAYS_MS = [150, 400, 800];
export const REFERENCE = "127.0.0.1:5000/web:latest";

/** What the candidate does, and so how an update to it ends when nobody kills it. */
export const ENDS: readonly End[] = [
  { name: "that would be committed", candidate: web, passes: "commit" },
  { name: "that would be rolled back", candidate: neverHealthy, passes: "roll-back web" },
];

interface End {
  name: string;
  candidate: (page: string) => ImageSpec;
  /** A journal entry that such an update has. */
  passes: string;
}

/**
 * Kills an update right after its first journal commit, the next one at its second, and so on,
 * until one ends by itself; recovers each time and checks the invariants. Returns the kill points.
 */
export async function killEverywhere(
  start: (lab: Lab) => Promise<void>,
  { candidate, passes }: End,
): Promise<string[]> {
  await using lab = await openLab();
  const host = hostOn(lab, "retry:\n  maxAttempts: 100\n");
  await lab.image(REFERENCE, web("0"));
  await start(lab);
  const steps = await countSteps(host, lab, candidate);
  assert.ok(
    steps.some((entry) => entry.includes(` ${passes} `) || entry.endsWith(` ${passes}`)),
    `it went the way that is meant: ${steps.join(", ")}`,
  );
  const isFull = process.env.PRATIQUE_FAULTS === "full";
  const points = steps.filter((entry) => isFull || !BETWEEN_PHASES.test(entry));
  const deploy = points.find((entry) => entry.includes(" deploy ")) ?? "";
  const kills = [
    ...points.map((entry) => ({ entry, delayMs: 0 })),
    ...DELAYS_MS.map((delayMs) => ({ entry: deploy, delayMs })),
  ];
  for (const [index, kill] of kills.entries()) {
    const where = `after a kill at ${kill.entry} + ${kill.delayMs} ms`;
    await lab.image(REFERENCE, candidate(`candidate ${index}`));
    const before = (await outcomeMessages(host)).length;
    const killed = await update(host, lab, kill, null);
    assert.equal(killed.code, 137, `${where}: ${killed.stdout}\n${killed.stderr}`);
    await host.pratique("recover");
    await assertConverged(lab, where);
    const told = (await outcomeMessages(host)).length - before;
    assert.equal(told, 1, `one outcome message ${where}`);
    const again = await host.pratique("recover", "--json");
    assert.equal(again.code, 0, `a second recovery finds nothing ${where}: ${again.stdout}`);
  }
  return kills.map(({ entry, delayMs }) => `${entry}+${delayMs}`);
}

/** Runs one update to its end and returns its journal entries: `3 deploy web`. */
async function countSteps(
  host: Host,
  lab: Lab,
  candidate: (page: string) => ImageSpec,
): Promise<string[]> {
  await lab.image(REFERENCE, candidate("counted"));
  const file = join(lab.dir, "steps");
  const result = await update(host, lab, null, file);
  const steps = existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
  assert.ok(
    steps.length > 5 && steps.length < MOST_STEPS,
    `no steps: ${result.stdout}\n${result.stderr}`,
  );
  return steps;
}

async function update(
  host: Host,
  lab: Lab,
  kill: { entry: string; delayMs: number } | null,
  steps: string | null,
) {
  return await lab.pratique(["update", "web"], {
    config: host.config,
    environment: {
      NODE_OPTIONS: HOOK,
      PRATIQUE_TEST_KILL_AT: kill === null ? "0" : String(Number.parseInt(kill.entry, 10)),
      PRATIQUE_TEST_KILL_DELAY_MS: String(kill?.delayMs ?? 0),
      PRATIQUE_TEST_STEPS: steps ?? undefined,
    },
    timeoutMs: 300_000,
  });
}

/** Success, failure and failed roll back: the events that end an update (I6). */
async function outcomeMessages(host: Host) {
  const ends = ["white_check_mark", "rotating_light", "sos"];
  return (await host.messages()).filter(({ tags = [] }) => tags.some((tag) => ends.includes(tag)));
}

/** The invariants of facts/crash-safety section 5 that an ordinary container can break. */
async function assertConverged(lab: Lab, where: string): Promise<void> {
  const names = (await lab.docker(["ps", "--all", "--format", "{{.Names}}"])).stdout;
  assert.equal(names, "web", where);
  const fields = "{{.State.Status}} {{.State.Health.Status}} {{.HostConfig.RestartPolicy.Name}}";
  const state = (await lab.docker(["inspect", "--format", fields, "web"])).stdout;
  assert.equal(state, "running healthy unless-stopped", where);
  const images = (await lab.docker(["image", "ls", "--format", "{{.Repository}}"])).stdout;
  assert.doesNotMatch(images, /localhost\/candidate/, where);
  const volumes = (await lab.docker(["volume", "ls", "--quiet"])).stdout;
  assert.equal(volumes.split("\n").length, 1, `one volume ${where}: ${volumes}`);
}
