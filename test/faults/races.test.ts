import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { composeUp, containerId, type Host, hostOn } from "../integration/update/host.ts";
import { neverHealthy, web } from "../lab/behaviours.ts";
import type { Lab } from "../lab/lab-types.ts";
import { openLab } from "../lab/open-lab.ts";
import { pollUntil } from "../lab/poll-until.ts";
import { isFull } from "../lab/slice-of.ts";
import { type OverlapWatch, watchOverlaps } from "./watch-overlaps.ts";

const REFERENCE = "127.0.0.1:5000/web:latest";
/** So few that their scans are remembered, and more than one host keeps at a time. */
const IMAGES = 8;
/** Replay a failure with PRATIQUE_TEST_SEED; `npm run faults` runs all races, `npm test` a few. */
const SEED = Number(process.env.PRATIQUE_TEST_SEED ?? randomInt(1_000_000));
const RACES = isFull ? 50 : 3;
/** One service's container, and one volume that two of them must never have at a time. */
const PROJECT = `services:
  web:
    container_name: web
    image: ${REFERENCE}
    restart: unless-stopped
    volumes: [data:/data]
volumes:
  data:
`;
/** Half of the races begin anywhere, half where an update is in the way of others. */
const ANCHORS = ["start", "deployment"] as const;
const DEPLOYMENT_MS = 4000;
const NOTE_STEPS = `--import=${join(import.meta.dirname, "kill-at.ts")}`;
const STRATEGIES = ["compose", "engine"] as const;
const CANDIDATES = [web, web, neverHealthy];
/** What runs at the same time as an update: another one, or a person at work. */
const RIVALS = ["pratique update", "compose up", "compose up --force-recreate"] as const;

test(`whatever starts in the middle of an update, ${RACES} times at random, no two containers share the volume and one healthy one is left`, {
  timeout: RACES * 90_000,
}, async (t) => {
  t.diagnostic(`seed ${SEED}`);
  const random = randomNumbers(SEED);
  await using lab = await openLab({ remembersScans: true, isWarm: false });
  const host = hostOn(lab);
  await lab.image(REFERENCE, web("0"));
  const folder = await composeUp(lab, "stack", PROJECT);
  using overlaps = await watchOverlaps(lab, "web");
  const endings = new Map<string, number>();
  let durationMs = 8000;
  for (let race = 1; race <= RACES; race += 1) {
    const rival = RIVALS[race % RIVALS.length] ?? RIVALS[0];
    const strategy = pick(STRATEGIES, random);
    const candidate = pick(CANDIDATES, random);
    const anchor = pick(ANCHORS, random);
    const delayMs = Math.round(random() * (anchor === "start" ? durationMs : DEPLOYMENT_MS));
    const what = `${rival} ${delayMs} ms after the ${anchor} of ${candidate.name} by ${strategy}`;
    const where = `race ${race} of seed ${SEED}: ${what}`;
    host.configure(`retry:\n  maxAttempts: 100\ndeploy:\n  strategy: ${strategy}\n`);
    await lab.image(REFERENCE, candidate(`image ${race % IMAGES}`));
    const startedMs = performance.now();
    const steps = join(lab.dir, `steps-${race}`);
    const environment = { NODE_OPTIONS: NOTE_STEPS, PRATIQUE_TEST_STEPS: steps };
    const child = lab.startPratique(["update", "web"], { config: host.config, environment });
    const update = ended(child);
    if (anchor === "deployment") await untilDeploying(child, steps);
    await sleep(delayMs);
    const other = ended(startRival(rival, lab, host, folder));
    const codes = [(await update).code, (await other).code];
    if (codes[0] === 0) durationMs = performance.now() - startedMs;
    const told = `${where}: ${(await update).said}\n${(await other).said}`;
    await host.pratique("recover");
    await assertOneHealthy(lab, overlaps, told);
    await settleCompose(lab, host, folder, told);
    const again = await host.pratique("recover", "--json");
    assert.equal(again.code, 0, `a second recovery finds nothing, ${told}\n${again.stdout}`);
    const ending = `${rival} exits ${codes[1]}, the update ${codes[0]}`;
    endings.set(ending, (endings.get(ending) ?? 0) + 1);
    t.diagnostic(`${what}: ${ending}`);
  }
  t.diagnostic(`${RACES} races: ${JSON.stringify(Object.fromEntries(endings))}`);
});

async function untilDeploying(update: ChildProcess, steps: string): Promise<void> {
  await pollUntil("the deployment begins", 120_000, async () => {
    const isThere = existsSync(steps) && readFileSync(steps, "utf8").includes(" deploy web");
    return isThere || update.exitCode !== null ? true : undefined;
  });
}

function startRival(
  rival: (typeof RIVALS)[number],
  lab: Lab,
  host: Host,
  folder: string,
): ChildProcess {
  if (rival === "pratique update") {
    return lab.startPratique(["update", "web"], { config: host.config });
  }
  const [, ...words] = rival.split(" ");
  const args = ["compose", ...words, "--detach"];
  return spawn(join(lab.dir, "bin", "docker"), args, { cwd: folder, env: { ...lab.environment } });
}

/** What a person's compose leaves when it fails half-way: theirs, and doctor's to name. */
const HALF_MADE = /^[0-9a-f]{12}_web created$/;

async function ended(child: ChildProcess): Promise<{ code: number; said: string }> {
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => said.push(chunk.toString()));
  }
  const [code] = await once(child, "close");
  return { code, said: said.join("") };
}

async function assertOneHealthy(lab: Lab, overlaps: OverlapWatch, told: string): Promise<void> {
  assert.deepEqual(overlaps.take(), [], told);
  const all = ["ps", "--all", "--format", "{{.Names}} {{.State}}"];
  const present = (await lab.docker(all)).stdout.split("\n");
  const others = present.filter((line) => !HALF_MADE.test(line));
  assert.deepEqual(others, ["web running"], told);
  const fields = "{{.State.Health.Status}} {{.HostConfig.RestartPolicy.Name}}";
  // A person may have made it anew just now.
  await pollUntil(`one healthy container, ${told}`, 30_000, async () => {
    const state = (await lab.docker(["inspect", "--format", fields, "web"])).stdout;
    return state === "healthy unless-stopped" || undefined;
  });
  const { stdout } = await lab.docker(["volume", "ls", "--quiet"]);
  assert.equal(stdout, "stack_data", told);
}

/** As a person settles it: what doctor names is removed, then `up` has nothing to do. */
async function settleCompose(lab: Lab, host: Host, folder: string, told: string): Promise<void> {
  const all = ["ps", "--all", "--format", "{{.Names}} {{.State}}"];
  const present = (await lab.docker(all)).stdout.split("\n");
  for (const line of present.filter((each) => HALF_MADE.test(each))) {
    const [name = ""] = line.split(" ");
    const { stdout } = await host.pratique("doctor");
    assert.ok(stdout.includes(`docker rm ${name}`), `${stdout}\n${told}`);
    await lab.docker(["rm", name]);
  }
  const former = await containerId(lab, "web");
  const up = await lab.compose(folder, ["up", "--detach"], { mayFail: true });
  assert.equal((await lab.docker(all)).stdout, "web running", `${told}\n${up.stderr}`);
  assert.equal(await containerId(lab, "web"), former, `recreated: ${told}\n${up.stderr}`);
}

function pick<Value>(values: readonly Value[], random: () => number): Value {
  const value = values[Math.floor(random() * values.length)];
  assert.ok(value !== undefined);
  return value;
}

/** The same numbers for the same seed (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
