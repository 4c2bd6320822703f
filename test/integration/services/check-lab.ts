/** What the tests of the service checks share: pratique's own parts on the lab's engine. */
import { createEngine } from "../../../src/adapters/docker-engine/create-engine.ts";
import { createProbes } from "../../../src/adapters/probes/probes.ts";
import { createClock } from "../../../src/adapters/system/clock.ts";
import type { Config } from "../../../src/config/config.ts";
import { loadConfig } from "../../../src/config/load.ts";
import type { Engine, Scanner } from "../../../src/ports.ts";
import type { Vantage } from "../../../src/services/address.ts";
import {
  type AwaitOptions,
  awaitHealthy,
  type Verification,
} from "../../../src/services/await-healthy.ts";
import { type CheckOptions, checkOnce, targetNamed } from "../../../src/services/check-service.ts";
import type { CheckDeps } from "../../../src/services/checks/check.ts";
import { explainProbe, type HealthReport } from "../../../src/services/health-report.ts";
import type { ImageSpec, Lab } from "../../lab/lab-types.ts";
import { PROGRAM_PATH, programMounts } from "../../lab/service-programs.ts";

export interface Checker {
  engine: Engine;
  config: Config;
  deps: CheckDeps;
  check(name: string, options?: CheckOptions): Promise<HealthReport>;
  wait(name: string, options?: Partial<AwaitOptions>): Promise<Verification>;
}

export interface CheckerOptions {
  vantage?: Vantage;
  scanner?: Scanner;
}

/** Loads this configuration as an operator writes it (`host:` is added) and checks with it. */
export function checkerOf(endpoint: string, yaml: string, options: CheckerOptions = {}): Checker {
  const text = `host: lab\n${yaml}`;
  const loaded = loadConfig({
    path: "/pratique.yaml",
    workingFolder: "/",
    environment: {},
    readFile: () => text,
  });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded));
  const { config } = loaded;
  const engine = createEngine({ endpoint });
  const deps: CheckDeps = {
    engine,
    probes: createProbes(),
    clock: createClock(),
    scanner: options.scanner ?? NO_SCANNER,
    vantage: options.vantage ?? { kind: "host" },
    config,
    pace: { probeTimeoutMs: PROBE_TIMEOUT_MS, deepPauseMs: 200 },
  };
  return {
    engine,
    config,
    deps,
    check: (name, how) => checkOnce(targetNamed(name, config), deps, how),
    wait: (name, how = {}) =>
      awaitHealthy(targetNamed(name, config), deps, { ...DEFAULTS, ...how }),
  };
}

/** An exec takes half a second where three labs share two cores. */
export const PROBE_TIMEOUT_MS = 3000;

const DEFAULTS: AwaitOptions = {
  deadlineMs: 30_000,
  stableMs: 500,
  expectedImageId: null,
  baseline: null,
};

const NO_SCANNER: Scanner = {
  scan: async () => ({ kind: "unknown", reason: "scanner-unreachable", why: "no scanner here" }),
  status: async () => ({ reachable: false, why: null, version: null, databaseUpdatedAtMs: null }),
};

/** Every probe as `verdict: evidence`, for assertions and their messages. */
export function lines(report: Pick<HealthReport, "probes">): string {
  return report.probes.map((result) => `${result.verdict}: ${explainProbe(result)}`).join("\n");
}

/** Runs a container in the background; `args` are options of `docker run`. */
export async function runContainer(
  lab: Lab,
  name: string,
  spec: ImageSpec,
  options: { args?: readonly string[]; image?: string } = {},
): Promise<void> {
  const image = await lab.image(options.image ?? `${name}:1`, spec);
  const args = options.args ?? [];
  await lab.docker(["run", "--detach", "--name", name, ...args, image.reference]);
}

/** Runs a container that has the real programs of Debian and Node. */
export async function runReal(
  lab: Lab,
  name: string,
  spec: ImageSpec,
  options: { args?: readonly string[]; image?: string } = {},
): Promise<void> {
  const env = { PATH: PROGRAM_PATH, ...spec.env };
  const args = [...programMounts(process.execPath), ...(options.args ?? [])];
  await runContainer(lab, name, { ...spec, env }, { ...options, args });
}

export async function inside(lab: Lab, name: string, script: string): Promise<void> {
  await lab.docker(["exec", name, "/bin/sh", "-c", script]);
}
