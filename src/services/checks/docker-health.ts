import type { ContainerInspect, HealthcheckConfig } from "../../ports.ts";
import type { Redact } from "../evidence.ts";
import { type Check, healthy, type Outcome, unhealthy, unknown } from "./check.ts";

const NANOSECONDS_PER_MS = 1_000_000;
/** The engine's defaults where the image says nothing (moby daemon/health.go). */
const DEFAULT_INTERVAL_MS = 30_000;
const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_RETRIES = 3;
/** The engine starts and ends its probes a little later than it says. */
const LATENESS_MS = 5000;

export const CONTAINER_CHECK = "container";
export const HEALTHCHECK_CHECK = "HEALTHCHECK";

/** Whether the container is up now. Stability over time is `trackStability`'s. */
export function containerCheck(container: ContainerInspect): Check {
  return {
    name: CONTAINER_CHECK,
    isRequired: true,
    isFree: true,
    run: async () => stateOutcome(container),
  };
}

function stateOutcome(container: ContainerInspect): Outcome {
  const { State, RestartCount } = container;
  const restarts = RestartCount === 1 ? "1 restart" : `${RestartCount} restarts`;
  if (State.Restarting) {
    return unhealthy(`restarting after exit code ${State.ExitCode}, ${restarts}`);
  }
  if (State.Paused) return unhealthy("paused");
  if (State.Running) return healthy(`up since ${State.StartedAt}, ${restarts}`);
  const error = State.Error === "" ? "" : `, ${State.Error}`;
  if (State.Status === "created") return unhealthy(`created, never started${error}`);
  return unhealthy(`${State.Status} with code ${State.ExitCode}${error}`);
}

/** The container's own HEALTHCHECK; null where it has none. */
export function healthcheckCheck(container: ContainerInspect, redact: Redact): Check | null {
  if (!hasHealthcheck(container)) return null;
  return {
    name: HEALTHCHECK_CHECK,
    isRequired: false,
    isFree: true,
    run: async () => healthcheckOutcome(container, redact),
  };
}

export function hasHealthcheck(container: ContainerInspect): boolean {
  const test = container.Config.Healthcheck?.Test ?? [];
  return test.length > 0 && test[0] !== "NONE";
}

function healthcheckOutcome(container: ContainerInspect, redact: Redact): Outcome {
  const health = container.State.Health;
  const last = health?.Log?.at(-1);
  const said =
    last === undefined
      ? "no result yet"
      : `exit code ${last.ExitCode}, ${redact(last.Output.trim())}`;
  switch (health?.Status) {
    case "healthy":
      return healthy("healthy");
    case "unhealthy":
      return unhealthy(`unhealthy, ${health.FailingStreak} in a row: ${said}`);
    case "starting":
      return { ...unknown(`still starting: ${said}`), isPending: true };
    default:
      return unknown("the engine reports no result");
  }
}

/**
 * The longest time after which the engine has decided: start period + retries × (interval +
 * timeout) (DESIGN section 9), and a little lateness. 0 without a HEALTHCHECK.
 */
export function healthcheckAllowanceMs(container: ContainerInspect): number {
  if (!hasHealthcheck(container)) return 0;
  const check: HealthcheckConfig = container.Config.Healthcheck ?? {};
  const intervalMs = orDefault(check.Interval, DEFAULT_INTERVAL_MS);
  const timeoutMs = orDefault(check.Timeout, DEFAULT_TIMEOUT_MS);
  const retries =
    check.Retries === undefined || check.Retries === 0 ? DEFAULT_RETRIES : check.Retries;
  const startMs = (check.StartPeriod ?? 0) / NANOSECONDS_PER_MS;
  return startMs + retries * (intervalMs + timeoutMs) + LATENESS_MS;
}

function orDefault(nanoseconds: number | undefined, defaultMs: number): number {
  return nanoseconds === undefined || nanoseconds === 0
    ? defaultMs
    : nanoseconds / NANOSECONDS_PER_MS;
}
