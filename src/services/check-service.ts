import type { Config } from "../config/config.ts";
import type { CheckDeps } from "./checks/check.ts";
import { dependentChecks } from "./dependents.ts";
import type { HealthReport } from "./health-report.ts";
import { type CheckTarget, lookOnce } from "./round.ts";
import { serviceNamed } from "./service-named.ts";

/** Probes of this many services at a time: enough that the slowest decides, not the sum. */
const PARALLEL_SERVICES = 16;

export interface CheckOptions {
  /** Leave the dependents out: they are stopped, or the caller checks them. */
  withoutDependents?: boolean;
  /** Before an update: also the deep checks that leave nothing behind. */
  forBaseline?: boolean;
}

/**
 * Every routine probe of a service once, in parallel: for the baseline, `health` and `status`.
 * Throws what the engine throws when the container cannot be inspected; a probe that cannot be
 * run is unknown. Bounded by the probes' own limits.
 */
export async function checkOnce(
  target: CheckTarget,
  deps: CheckDeps,
  options: CheckOptions = {},
): Promise<HealthReport> {
  const dependents = options.withoutDependents === true ? [] : dependentChecks(target, deps);
  return await lookOnce(target, deps, dependents, options.forBaseline);
}

/** The same for many services, in parallel with a limit, in the order given. */
export async function checkServices(
  targets: readonly CheckTarget[],
  deps: CheckDeps,
): Promise<HealthReport[]> {
  const { default: pLimit } = await import("p-limit");
  const limit = pLimit(PARALLEL_SERVICES);
  return await Promise.all(targets.map((target) => limit(() => checkOnce(target, deps))));
}

/** A service of the configuration by its key, or a container by its name. */
export function targetNamed(name: string, config: Pick<Config, "services">): CheckTarget {
  const service = serviceNamed(name, config);
  return { container: service?.container ?? name, service };
}
