import type { Config, ServiceConfig } from "../../config/config.ts";
import type { ContainerInspect, Ports, ProbeFailure, ProbeResult, Verdict } from "../../ports.ts";
import type { Vantage } from "../address.ts";
import type { Redact } from "../evidence.ts";

/** How patient the checks are. */
export interface Pace {
  /** How long one probe may take. */
  probeTimeoutMs: number;
  /** Pause before a deep check is tried again. */
  deepPauseMs: number;
}

export const PACE: Pace = { probeTimeoutMs: 5000, deepPauseMs: 2000 };

/** What the checks of one service may use. */
export interface CheckDeps extends Pick<Ports, "engine" | "probes" | "clock" | "scanner"> {
  vantage: Vantage;
  /** Default PACE; tests hurry. */
  pace?: Pace;
  config: Pick<Config, "host" | "notify" | "scanner" | "services" | "health" | "critical">;
}

/** The part of a service's configuration that its checks read. */
export type CheckSettings = Pick<
  ServiceConfig,
  | "check"
  | "url"
  | "dns"
  | "tcp"
  | "http"
  | "exec"
  | "timeoutMs"
  | "stableMs"
  | "dependents"
  | "user"
  | "databases"
  | "database"
  | "virtualAddress"
  | "state"
  | "machineLearning"
  | "username"
  | "password"
>;

/** One look at one service: made anew for each round of probes. */
export interface CheckContext extends CheckDeps {
  /** Key in the configuration; the container's name where there is none. */
  service: string;
  settings: CheckSettings;
  container: ContainerInspect;
  /** For every text from outside: program output, answers, logs. */
  redact: Redact;
  timeoutMs: number;
}

export interface Outcome {
  verdict: Verdict;
  evidence: string;
  /** It may still become healthy by itself; a wait never accepts it. */
  isPending?: boolean;
}

/** A bounded question to a service, composed from the probes of this folder. */
export interface Check {
  /** The same before and after an update: no container address, no id. */
  name: string;
  /** Unknown before the update holds it: nobody could tell success afterwards. */
  isRequired: boolean;
  /** Never asked twice in one wait and never for a baseline: it leaves something behind. */
  isOnce?: boolean;
  /** Answered by the inspect: asked in every round of a wait. */
  isFree?: boolean;
  /** Pause before it is asked again in a wait; default: none but the wait's own. */
  pauseMs?: number;
  /** Its own limit where it takes longer than a probe. */
  timeoutMs?: number;
  run(): Promise<Outcome>;
}

export interface CheckResult extends ProbeResult {
  isRequired: boolean;
  isPending: boolean;
}

export function healthy(evidence: string): Outcome {
  return { verdict: "healthy", evidence };
}

export function unhealthy(evidence: string): Outcome {
  return { verdict: "unhealthy", evidence };
}

export function unknown(evidence: string): Outcome {
  return { verdict: "unknown", evidence };
}

/** No route and no name say that we could not look; everything else is the service's doing. */
export function outcomeOfFailure(asked: string, failure: ProbeFailure): Outcome {
  if (failure.reason === "unreachable" || failure.reason === "name") {
    return unknown(`${asked}: ${failure.why}; share a network with it, publish a port or set url`);
  }
  return unhealthy(`${asked}: ${failure.why}`);
}

/** The container's name without the engine's slash. */
export function containerName(container: ContainerInspect): string {
  return container.Name.replace(/^\//, "");
}
