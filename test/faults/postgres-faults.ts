/**
 * Faults in the procedures of PostgreSQL: at every journal entry and in the middle of long work,
 * pratique is killed or the engine restarts. After each: recovery, then everything that must hold.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type DatabaseHost, RUNNING } from "../integration/postgres/update-lab.ts";
import type { CommandResult, NtfyMessage } from "../lab/lab-types.ts";
import { pollUntil } from "../lab/poll-until.ts";
import type { EngineProxy } from "./engine-proxy.ts";
import { watchPostmasters } from "./postmasters.ts";

const HOOKS = ["kill-at.ts", "hurried-clock.ts"]
  .map((file) => `--import=${join(import.meta.dirname, file)}`)
  .join(" ");
const RUN_TIMEOUT_MS = 300_000;
const BUG = 70;

export type Fault = "kill" | "engine restart" | Meanwhile;

/** What happens while pratique stands still after a journal entry, and is over when it has ended. */
export interface Meanwhile {
  name: string;
  begin(): Promise<void>;
  end(): void;
}

/** Long work in the middle of a step, known by the command line that does it. */
export interface Work {
  name: string;
  program: RegExp;
}

/** Where a fault strikes: after the journal entry of that number, or in the middle of work. */
export type Place = { entry: number } | Work;

export interface Scenario {
  name: string;
  words: readonly string[];
  /** Brings the host to what it is before each fault. */
  prepare(): Promise<void>;
  /** Which good end was reached, or what is wrong. */
  findEnd(output: string): Promise<{ end: string; problems: string[] }>;
}

export interface Row {
  scenario: string;
  fault: string;
  where: string;
  end: string;
  /** Empty: converged. */
  problems: string[];
  durationMs: number;
}

/** How often a work that ended before it was seen is begun anew: some take a tenth of a second. */
const GLANCES = 3;

interface Struck {
  where: string;
  ran: CommandResult;
}

/** Strikes at these places, one after the other; stops at the first entry that there is not. */
export async function strikeAt(
  database: DatabaseHost,
  scenario: Scenario,
  fault: Fault,
  places: readonly Place[],
  onRow: (row: Row, index: number) => void = () => {},
): Promise<Row[]> {
  using watch = watchPostmasters();
  const rows: Row[] = [];
  for (const [index, place] of places.entries()) {
    const startedMs = performance.now();
    let told = 0;
    let since = "";
    let struck: Struck | null = null;
    const glances = "entry" in place ? 1 : GLANCES;
    for (let glance = 0; struck === null && glance < glances; glance += 1) {
      await scenario.prepare();
      told = (await database.host.messages()).length;
      since = new Date().toISOString();
      watch.take();
      struck = await strike(database, scenario, fault, place);
    }
    if (struck === null) break;
    const recovered = await database.host.pratique("recover", "--json");
    const { end, problems } = await examine(database, scenario, told, [struck.ran, recovered]);
    problems.push(...watch.take());
    if (fault === "kill" && (await hasCrashed(database, since))) {
      problems.push("the server took something for a crashed session and ended them all");
    }
    const { where } = struck;
    const durationMs = Math.round(performance.now() - startedMs);
    const name = typeof fault === "string" ? fault : fault.name;
    const row = { scenario: scenario.name, fault: name, where, end, problems, durationMs };
    rows.push(row);
    onRow(row, index);
  }
  return rows;
}

/** The engine answers no call, for longer than anybody waits for it. */
export function engineAway(lab: DatabaseHost["lab"], proxy: EngineProxy): Meanwhile {
  const hurry = join(lab.dir, "hurry");
  return {
    name: "engine away",
    async begin() {
      writeFileSync(hurry, "");
      const fault = { kind: "before" as const, act() {} };
      proxy.watch({ at: "every", counts: () => true, fault });
    },
    end() {
      proxy.watch(null);
      rmSync(hurry, { force: true });
    },
  };
}

/** All good, and (where it is told) each of these ends was seen. */
export function assertConverged(rows: readonly Row[], ends: readonly string[] | null): void {
  const bad = rows.filter(({ problems }) => problems.length > 0);
  assert.deepEqual(bad, []);
  assert.ok(rows.length > 0, "the faults struck");
  if (ends === null) return;
  assert.deepEqual([...new Set(rows.map(({ end }) => end))].toSorted(), ends);
}

async function strike(
  { lab, host }: DatabaseHost,
  { words }: Scenario,
  fault: Fault,
  place: Place,
): Promise<Struck | null> {
  const steps = join(lab.dir, "steps");
  const go = join(lab.dir, "go");
  for (const file of [steps, go]) rmSync(file, { force: true });
  const isEntry = "entry" in place;
  const waits = isEntry && fault !== "kill";
  const child = lab.startPratique(words, {
    config: host.config,
    environment: {
      NODE_OPTIONS: HOOKS,
      PRATIQUE_TEST_STEPS: steps,
      PRATIQUE_TEST_KILL_AT: isEntry ? String(place.entry) : "0",
      PRATIQUE_TEST_GO: waits ? go : undefined,
      PRATIQUE_TEST_HURRY: join(lab.dir, "hurry"),
    },
  });
  let output = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  let code: number | null = null;
  const ended = new Promise<void>((resolve) => {
    child.once("exit", (exit, signal) => {
      code = signal === null ? (exit ?? 0) : 137;
      resolve();
    });
  });
  const where = await reached(place, steps, () => code !== null);
  if (where !== null && fault !== "kill") {
    if (fault === "engine restart") await lab.engine.restart();
    else await fault.begin();
    writeFileSync(go, "");
  }
  if (where !== null && fault === "kill" && !isEntry) child.kill("SIGKILL");
  await Promise.race([ended, bound(child)]);
  if (typeof fault === "object") fault.end();
  const isStruck = fault !== "kill" || code === 137;
  if (where === null || !isStruck) return null;
  const ran = { code: code ?? 137, stdout: output, stderr: "" };
  return { where, ran };
}

/** Where the procedure is when the fault can strike; null when it ended before. */
async function reached(
  place: Place,
  steps: string,
  hasEnded: () => boolean,
): Promise<string | null> {
  const found = await pollUntil("the place of the fault", RUN_TIMEOUT_MS, () => {
    if ("entry" in place) {
      const lines = existsSync(steps) ? readFileSync(steps, "utf8").trim().split("\n") : [];
      const line = lines[place.entry - 1];
      if (line !== undefined) return { where: line };
    } else if (runs(place.program)) return { where: `in the middle of ${place.name}` };
    return hasEnded() ? { where: null } : undefined;
  });
  return found.where;
}

function runs(program: RegExp): boolean {
  for (const pid of readdirSync("/proc")) {
    if (!/^[0-9]+$/.test(pid)) continue;
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      if (program.test(words)) return true;
    } catch {
      // It has ended.
    }
  }
  return false;
}

async function bound(child: { kill(signal: NodeJS.Signals): unknown }): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, RUN_TIMEOUT_MS).unref());
  child.kill("SIGKILL");
}

/** What holds after every recovery, whatever the fault was (facts/crash-safety section 5). */
async function examine(
  { lab, host, states, server }: DatabaseHost,
  scenario: Scenario,
  told: number,
  ran: readonly CommandResult[],
): Promise<{ end: string; problems: string[] }> {
  const problems: string[] = [];
  const output = ran.map(({ stdout, stderr }) => `${stdout}\n${stderr}`).join("\n");
  if (ran.some(({ code }) => code === BUG)) problems.push("exit 70: a bug of pratique");
  const now = JSON.stringify(sorted(await states()));
  if (now !== JSON.stringify(sorted(RUNNING))) problems.push(`containers: ${now}`);
  await server.ready().catch((error: Error) => problems.push(error.message));
  if (problems.length === 0) {
    const found = await scenario.findEnd(output);
    problems.push(...found.problems);
    const outcomes = (await host.messages()).slice(told).filter(isOutcome);
    // What never opened an operation has nothing to tell.
    const wasBegun = readFileSync(join(lab.dir, "steps"), "utf8").includes(" open ");
    if (outcomes.length !== (wasBegun ? 1 : 0)) {
      const texts = outcomes.map(({ message }) => message?.split("\n")[0]);
      problems.push(`${outcomes.length} outcomes told: ${texts.join(" | ")}`);
    }
    const started = await startTimes(lab);
    const again = await host.pratique("recover", "--json");
    if (again.code !== 0) problems.push(`a second recovery ends with ${again.code}`);
    if ((await startTimes(lab)) !== started) problems.push("a second recovery restarted something");
    if (problems.length > 0) problems.push(output.slice(-3000));
    return { end: found.end, problems };
  }
  return { end: "none", problems: [...problems, output.slice(-3000)] };
}

/** A program that pratique ends must not look to the server like a session of its own that died. */
async function hasCrashed({ lab }: DatabaseHost, since: string): Promise<boolean> {
  const { stderr } = await lab.docker(["logs", "--since", since, "postgres"]);
  return stderr.includes("terminating any other active server processes");
}

/** The messages that end an update or a restore (I6). */
function isOutcome({ tags = [], message = "" }: NtfyMessage): boolean {
  const ends = ["white_check_mark", "rotating_light", "sos"];
  return tags.some((tag) => ends.includes(tag)) || message.startsWith("restored - ");
}

function sorted(record: Record<string, string>): [string, string][] {
  return Object.entries(record).toSorted(([left], [right]) => (left < right ? -1 : 1));
}

async function startTimes(lab: DatabaseHost["lab"]): Promise<string> {
  const names = Object.keys(RUNNING);
  return (await lab.docker(["inspect", "--format", "{{.State.StartedAt}}", ...names])).stdout;
}
