/**
 * A host on which one kind of update can be done again and again: a container (by compose or
 * without), a next candidate, pratique with the counting proxy between it and the engine.
 */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ContainerInspect } from "../../src/ports.ts";
import { composeUp, type Host, hostOn } from "../integration/update/host.ts";
import { neverHealthy, web } from "../lab/behaviours.ts";
import type { ImageSpec, Lab } from "../lab/lab-types.ts";
import { openLab } from "../lab/open-lab.ts";
import { type EngineProxy, openEngineProxy } from "./engine-proxy.ts";
import { type EngineView, viewEngine } from "./engine-view.ts";
import { markProblems } from "./invariants.ts";
import { preparePostgres } from "./postgres-stage.ts";
import { rememberScans } from "./remembering-trivy.ts";

const REFERENCE = "127.0.0.1:5000/web:latest";
/** More than the engine keeps: what runs, three backups, what a fault has left. */
const CANDIDATES = 8;
const HEALTH_INTERVAL_MS = 200;
const CONFIGURATION = `health:
  timeout: 15s
  stable: 300ms
retry:
  maxAttempts: 100
`;

/**
 * Restarted always: an engine that was killed stops what it finds running when it starts again, and
 * takes that for a stop by hand where the policy is unless-stopped.
 */
const PROJECT = `services:
  web:
    container_name: web
    image: ${REFERENCE}
    restart: always
    environment: { MODE: mine }
    ports: ["127.0.0.1:8080:80"]
    volumes: [data:/data]
    networks: { front: { ipv4_address: 172.30.0.9, aliases: [www] }, back: {} }
networks:
  front: { ipam: { config: [{ subnet: 172.30.0.0/24 }] } }
  back: {}
volumes:
  data:
`;

const OPTIONS = [
  ...["--restart", "always", "--env", "MODE=mine", "--label", "mine=x"],
  ...["--network", "front", "--ip", "172.30.0.9", "--network-alias", "www"],
  ...["--publish", "127.0.0.1:8080:80", "--volume", "data:/data", "--memory", "128m"],
];

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

export const SCENARIOS: readonly Scenario[] = [
  ...[true, false].flatMap((isCompose) =>
    [true, false].map((isCommitted) => {
      const by = isCompose ? "compose" : "engine";
      return {
        name: `${by}-${isCommitted ? "commit" : "rollback"}`,
        title: `${by}, ${isCommitted ? "committed" : "rolled back"}`,
        isCommitted,
        prepare: (lab: Lab) => prepareWeb(lab, { isCompose, isCommitted }),
        strides: null,
      };
    }),
  ),
  {
    name: "postgres-commit",
    title: "PostgreSQL, engine calls",
    isCommitted: true,
    prepare: preparePostgres,
    // One such update takes as long as ten others; its journal and its engine have jobs of their own.
    strides: { "kill-after": 5, error: 11 },
  },
];

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
  const lab = await openLab();
  try {
    return { scenario, ...(await scenario.prepare(lab)) };
  } catch (error) {
    await lab[Symbol.asyncDispose]();
    throw error;
  }
}

async function prepareWeb(
  lab: Lab,
  { isCompose, isCommitted }: { isCompose: boolean; isCommitted: boolean },
): Promise<Omit<Stage, "scenario">> {
  const proxy = await openEngineProxy(join(lab.dir, "proxy.sock"), lab.engine.socket);
  const behindProxy = { ...lab, engine: { ...lab.engine, url: proxy.url } };
  const host = hostOn(behindProxy, CONFIGURATION);
  rememberScans(host.config, lab);
  const view = viewEngine(lab.engine.socket);
  await lab.image(REFERENCE, quick(web("0")));
  const folder = isCompose ? await composeUp(lab, "stack", PROJECT) : null;
  if (folder === null) await runPlain(lab);
  await lab.docker(["exec", "web", "sh", "-c", "echo mine | tee /data/mark > /anonymous/mark"]);
  let offered = 0;
  return {
    ...{ lab, host, proxy, view, target: "web" },
    problems: (containers) => [...containers.values()].flatMap(markProblems),
    async offer() {
      const behaves = isCommitted ? web : neverHealthy;
      // Few images, so that they need not be scanned anew; never one that the engine still has.
      const present = new Set((await view.tags()).values());
      for (;;) {
        offered = (offered + 1) % CANDIDATES;
        const spec = quick(behaves(`candidate ${offered}`));
        const { imageId } = await lab.image(REFERENCE, spec);
        if (!present.has(imageId)) return imageId;
      }
    },
    async composeUp() {
      if (folder !== null) await lab.compose(folder, ["up", "--detach"]);
    },
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await lab[Symbol.asyncDispose]();
    },
  };
}

async function runPlain(lab: Lab): Promise<void> {
  await lab.docker(["network", "create", "--subnet", "172.30.0.0/24", "front"]);
  await lab.docker(["network", "create", "back"]);
  await lab.docker(["run", "--detach", "--name", "web", ...OPTIONS, REFERENCE]);
  await lab.docker(["network", "connect", "--alias", "db-client", "back", "web"]);
}

/** Looked at five times a second, with a volume that nobody named. */
function quick(spec: ImageSpec): ImageSpec {
  const healthcheck = spec.healthcheck && { ...spec.healthcheck, intervalMs: HEALTH_INTERVAL_MS };
  return { ...spec, volumes: ["/anonymous"], ...(healthcheck ? { healthcheck } : {}) };
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

/** Runs pratique to its end, whoever brings that about. */
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

function linesOf(file: string): string[] {
  return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
}
