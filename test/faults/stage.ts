/**
 * A host on which one kind of update can be done again and again: a container (by compose or
 * without), a next candidate, pratique with the counting proxy between it and the engine.
 */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ContainerInspect } from "../../src/ports.ts";
import type { Host } from "../integration/update/host.ts";
import type { Lab } from "../lab/lab-types.ts";
import { openLab } from "../lab/open-lab.ts";
import type { EngineProxy } from "./engine-proxy.ts";
import type { EngineView } from "./engine-view.ts";

/** What is updated how, and to what end when nothing happens. */
export interface Scenario {
  name: string;
  /** What stands above its column of the table. */
  title: string;
  isCommitted: boolean;
  prepare(lab: Lab): Promise<Omit<Stage, "scenario">>;
  /** Only these kinds, and every so many of their points; null: every kind, every point. */
  strides: Readonly<Record<string, number>> | null;
}

export interface Stage extends AsyncDisposable {
  scenario: Scenario;
  lab: Lab;
  host: Host;
  proxy: EngineProxy;
  view: EngineView;
  /** The container that is updated. */
  target: string;
  /** What else is not as it must be. */
  problems(containers: ReadonlyMap<string, ContainerInspect>): Promise<string[]> | string[];
  /** Pushes the next candidate, of its own digest. Returns its image id. */
  offer(): Promise<string>;
  /** Applies the compose project by hand; nothing where there is none. */
  composeUp(): Promise<void>;
}

/** Opens a lab with the scenario's container, running and healthy. */
export async function openStage(scenario: Scenario): Promise<Stage> {
  const lab = await openLab({ remembersScans: true, isWarm: true });
  try {
    return { scenario, ...(await scenario.prepare(lab)) };
  } catch (error) {
    await lab[Symbol.asyncDispose]();
    throw error;
  }
}

const HOOK = `--import=${join(import.meta.dirname, "kill-at.ts")}`;
const SHORT_TIMEOUTS = `--import=${join(import.meta.dirname, "short-timeouts.ts")}`;
const LONGEST_MS = 480_000;

export interface RunOptions {
  /** The journal entry after which the process ends; 0: none. */
  killAtJournal?: number;
  /** Limits of a twentieth. */
  hasShortTimeouts?: boolean;
  /** Told the process id, for faults that end it. */
  onStart?: (pid: number) => void;
}

export interface Ran {
  /** 137 where it was killed. */
  code: number;
  output: string;
  /** What the journal wrote: `3 deploy web`. */
  journal: string[];
}

/** Runs pratique to its end, whoever brings that about, in a process of its own. */
export async function runPratique(
  { lab, host }: Stage,
  words: readonly string[],
  options: RunOptions = {},
): Promise<Ran> {
  const journalFile = join(lab.dir, "journal");
  rmSync(journalFile, { force: true });
  const child = lab.startPratique(words, {
    config: host.config,
    environment: {
      NODE_OPTIONS: options.hasShortTimeouts === true ? `${HOOK} ${SHORT_TIMEOUTS}` : HOOK,
      PRATIQUE_TEST_KILL_AT: String(options.killAtJournal ?? 0),
      PRATIQUE_TEST_STEPS: journalFile,
    },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      output += chunk.toString("utf8");
    });
  }
  if (child.pid !== undefined) options.onStart?.(child.pid);
  const code = await new Promise<number>((resolve, reject) => {
    const timer = setTimeout(() => child.kill("SIGKILL"), LONGEST_MS);
    child.once("error", reject);
    // Not `close`: compose may outlive pratique and hold its output open.
    child.once("exit", (exitCode) => {
      clearTimeout(timer);
      resolve(exitCode ?? 137);
    });
  });
  // What it wrote last is on its way.
  await sleep(20);
  return { code, output, journal: linesOf(journalFile) };
}

export const RECOVER = ["recover", "--json"];

/** A recovery that nothing disturbs. They share a process (decision 0015). */
export async function recoverUndisturbed({ lab, host, proxy }: Stage): Promise<Ran> {
  proxy.watch(null);
  const options = { config: host.config, timeoutMs: LONGEST_MS };
  const { code, stdout, stderr } = await lab.pratique(RECOVER, options);
  return { code, output: `${stdout}${stderr}`, journal: [] };
}

function linesOf(file: string): string[] {
  return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
}
