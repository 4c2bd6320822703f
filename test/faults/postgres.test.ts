import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pushPostgres } from "../integration/postgres/server.ts";
import {
  type DatabaseHost,
  openDatabaseHost,
  RUNNING,
} from "../integration/postgres/update-lab.ts";
import { runningImage } from "../integration/update/host.ts";
import { openLab } from "../lab/open-lab.ts";
import { pollUntil } from "../lab/poll-until.ts";

const HOOK = `--import=${join(import.meta.dirname, "kill-at.ts")}`;
/** More journal entries than an update has. */
const MOST_STEPS = 60;
/** One before the server stops, one while it is stopped, one after the commit point. */
const SLICE = [6, 14, 25];
const isFull = process.env.PRATIQUE_FAULTS === "full";

test("a kill at any journal step of a PostgreSQL update ends with one server, all data and everybody running", async () => {
  await using lab = await openLab();
  const database = await openDatabaseHost(lab, { rows: 200 });
  const before = await database.data();
  // A tag that moves to and fro: whatever ended in service, the other one is the candidate.
  const images = {
    "15": (await pushPostgres(lab, "15")).imageId,
    "15-old": (await pushPostgres(lab, "15-old")).imageId,
  };
  const all = Array.from({ length: MOST_STEPS }, (_, index) => index + 1);
  const ends = new Set<string>();
  let killed = 0;
  for (const step of isFull ? all : SLICE) {
    const running = await runningImage(lab, "postgres");
    const version = running === images["15"] ? "15-old" : "15";
    await pushPostgres(lab, version);
    const at = await killAt(step, database);
    if (at === null) break;
    killed += 1;
    const recovered = await database.host.pratique("recover", "--json");
    assert.ok([0, 1].includes(recovered.code), recovered.stdout + recovered.stderr);
    assert.deepEqual(await database.states(), RUNNING, `after a kill at ${at}`);
    const now = await runningImage(lab, "postgres");
    assert.ok([running, images[version]].includes(now), `after a kill at ${at}`);
    ends.add(now === running ? "former" : "candidate");
    assert.deepEqual(await database.data(), before, `after a kill at ${at}`);
    const again = await database.host.pratique("recover", "--json");
    assert.equal(again.code, 0, `recovery after ${at} ran once: ${again.stdout}`);
    console.log(`${at}: ${now === running ? "former" : "candidate"}`);
  }
  assert.ok(killed >= SLICE.length, `the hook fired ${killed} times`);
  assert.deepEqual([...ends].toSorted(), ["candidate", "former"]);
});

/** What the journal had just written when the process was killed; null when it was not. */
async function killAt(step: number, { lab, host }: DatabaseHost): Promise<string | null> {
  const log = join(lab.dir, `steps-${step}`);
  const { code, stdout, stderr } = await lab.pratique(["update", "postgres"], {
    config: host.config,
    environment: {
      NODE_OPTIONS: HOOK,
      PRATIQUE_TEST_KILL_AT: String(step),
      PRATIQUE_TEST_STEPS: log,
    },
    timeoutMs: 300_000,
  });
  if (code !== 137) return null;
  assert.ok(existsSync(log), stdout + stderr);
  return readFileSync(log, "utf8").trim().split("\n").at(-1) ?? "";
}

/** While it is being copied, and while the candidate is being proved. */
const ENGINE_SLICE = [14, 20];

test("an engine that restarts in the middle of a PostgreSQL update leads to the same two ends", async () => {
  await using lab = await openLab();
  const database = await openDatabaseHost(lab, { rows: 200 });
  const before = await database.data();
  const images = {
    "15": (await pushPostgres(lab, "15")).imageId,
    "15-old": (await pushPostgres(lab, "15-old")).imageId,
  };
  const all = Array.from({ length: 25 }, (_, index) => index + 1);
  for (const step of isFull ? all : ENGINE_SLICE) {
    const running = await runningImage(lab, "postgres");
    const version = running === images["15"] ? "15-old" : "15";
    await pushPostgres(lab, version);
    const log = join(lab.dir, `engine-${step}`);
    const environment = {
      NODE_OPTIONS: HOOK,
      PRATIQUE_TEST_KILL_AT: "0",
      PRATIQUE_TEST_STEPS: log,
    };
    const { config } = database.host;
    const update = lab.pratique(["update", "postgres", "--json"], {
      ...{ config, environment, timeoutMs: 300_000 },
    });
    await pollUntil(`journal entry ${step}`, 120_000, async () =>
      existsSync(log) && readFileSync(log, "utf8").split("\n").length > step ? true : undefined,
    );
    await lab.engine.restart();
    const { stdout, stderr } = await update;
    await database.host.pratique("recover");
    const told = `after an engine restart at ${step}: ${stdout}\n${stderr}`;
    assert.deepEqual(await database.states(), RUNNING, told);
    const now = await runningImage(lab, "postgres");
    assert.ok([running, images[version]].includes(now), told);
    await database.server.ready();
    assert.deepEqual(await database.data(), before, told);
    console.log(`engine restart at ${step}: ${now === running ? "former" : "candidate"}`);
  }
});
