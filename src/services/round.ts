import type { ServiceConfig } from "../config/config.ts";
import type { ContainerInspect } from "../ports.ts";
import { choosePreset } from "./catalog.ts";
import type { Check, CheckContext, CheckDeps, CheckResult, CheckSettings } from "./checks/check.ts";
import { PACE, unhealthy } from "./checks/check.ts";
import { CONTAINER_CHECK, containerCheck, healthcheckCheck } from "./checks/docker-health.ts";
import { runCheck } from "./checks/run-check.ts";
import { configuredChecks } from "./configured-checks.ts";
import type { ServiceDefinition } from "./define-service.ts";
import { redactorFor } from "./evidence.ts";
import { type HealthReport, worstVerdict } from "./health-report.ts";

/** What is to be checked: a container, and what the configuration says about it (if anything). */
export interface CheckTarget {
  container: string;
  service: ServiceConfig | null;
}

/** A probe's own limit must end first, so that its evidence is the one that is shown. */
const RUN_GRACE_MS = 10_000;

const NO_SETTINGS: CheckSettings = {
  check: null,
  url: null,
  dns: null,
  tcp: [],
  http: [],
  exec: [],
  timeoutMs: null,
  stableMs: null,
  dependents: [],
  user: null,
  databases: [],
  database: null,
  virtualAddress: null,
  state: null,
  machineLearning: null,
  username: null,
  password: null,
};

/**
 * Every routine check of the container and `more` of them once, in parallel. `withDeep` adds those
 * of the deep checks that may be repeated: a baseline needs them to blame nobody for old faults.
 */
export async function lookOnce(
  target: CheckTarget,
  deps: CheckDeps,
  more: readonly Check[] = [],
  withDeep = false,
): Promise<HealthReport> {
  const startedMs = deps.clock.monotonicMs();
  const container = await deps.engine.inspectContainer(target.container);
  const round = planRound(target, container, deps, more);
  const deep = withDeep ? round.deep().filter(({ isOnce }) => isOnce !== true) : [];
  const checks = [...round.routine, ...deep];
  const probes = await Promise.all(checks.map((check) => runWithin(check, deps)));
  return reportOf(round, probes, deps.clock.monotonicMs() - startedMs);
}

/** The checks that one look at a container allows. */
export interface Round {
  target: CheckTarget;
  container: ContainerInspect | null;
  preset: ServiceDefinition;
  presetWhy: string;
  routine: readonly Check[];
  /** Made when they are needed. */
  deep: () => readonly Check[];
}

/** Which checks apply now. A container that is not up gets no further questions. */
export function planRound(
  target: CheckTarget,
  container: ContainerInspect | null,
  deps: CheckDeps,
  more: readonly Check[] = [],
): Round {
  const settings = target.service ?? NO_SETTINGS;
  const chosen = choosePreset(settings.check, container?.Config.Image ?? "");
  const round = { target, container, preset: chosen.preset, presetWhy: chosen.why };
  if (container === null) return { ...round, routine: [absentCheck(target)], deep: () => [] };
  const up = containerCheck(container);
  if (!container.State.Running || container.State.Restarting || container.State.Paused) {
    return { ...round, routine: [up], deep: () => [] };
  }
  const context: CheckContext = {
    ...deps,
    service: target.service?.name ?? target.container,
    settings,
    container,
    redact: redactorFor(container),
    timeoutMs: (deps.pace ?? PACE).probeTimeoutMs,
  };
  // An operator's choice, and any check of a critical service, must be able to look.
  const isBinding = chosen.isConfigured || isCritical(target, deps);
  const bind = (check: Check): Check => ({ ...check, isRequired: check.isRequired && isBinding });
  const healthcheck = healthcheckCheck(container, context.redact);
  return {
    ...round,
    routine: [
      up,
      ...(healthcheck === null ? [] : [healthcheck]),
      ...withoutRepeats([
        ...chosen.preset.routine(context).map(bind),
        ...configuredChecks(context),
      ]),
      ...more,
    ],
    deep: () => chosen.preset.deep(context).map(bind),
  };
}

/** Runs one check within its bounds. */
export async function runWithin(check: Check, deps: CheckDeps): Promise<CheckResult> {
  return await runCheck(check, {
    timeoutMs: (check.timeoutMs ?? (deps.pace ?? PACE).probeTimeoutMs) + RUN_GRACE_MS,
    clock: deps.clock,
  });
}

/** The report of one round. */
export function reportOf(
  round: Round,
  probes: readonly CheckResult[],
  durationMs: number,
): HealthReport {
  return {
    service: round.target.service?.name ?? round.target.container,
    container: round.target.container,
    preset: round.preset.name,
    presetWhy: round.presetWhy,
    verdict: worstVerdict(probes.map(({ verdict }) => verdict)),
    probes,
    durationMs: Math.round(durationMs),
    containerId: round.container?.Id ?? null,
    imageId: round.container?.Image ?? null,
  };
}

/** Critical services are listed by service or by container. */
export function isCritical(target: CheckTarget, { config }: Pick<CheckDeps, "config">): boolean {
  const name = target.service?.name ?? target.container;
  return config.critical.includes(name) || config.critical.includes(target.container);
}

function absentCheck(target: CheckTarget): Check {
  return {
    name: CONTAINER_CHECK,
    isRequired: true,
    run: async () => unhealthy(`there is no container named ${target.container}`),
  };
}

/** A preset and the configuration may ask the same question; the operator's answer counts. */
function withoutRepeats(checks: readonly Check[]): Check[] {
  return [...new Map(checks.map((check) => [check.name, check])).values()];
}
