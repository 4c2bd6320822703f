import { type Check, type CheckDeps, healthy, type Outcome } from "./checks/check.ts";
import { explainProbe, type HealthReport } from "./health-report.ts";
import { type CheckTarget, lookOnce } from "./round.ts";
import { serviceNamed } from "./service-named.ts";

/**
 * One check for each service that depends on this one: healthy is what its own routine checks
 * say. Dependents of dependents are not followed.
 */
export function dependentChecks(target: CheckTarget, deps: CheckDeps): Check[] {
  return (target.service?.dependents ?? []).map((name) => ({
    name: `dependent ${name}`,
    isRequired: false,
    run: async () => outcomeOf(await lookOnce(dependentTarget(name, deps), deps)),
  }));
}

function dependentTarget(name: string, { config }: CheckDeps): CheckTarget {
  const service = serviceNamed(name, config);
  return { container: service?.container ?? name, service };
}

function outcomeOf(report: HealthReport): Outcome {
  if (report.verdict === "healthy") return healthy(`${report.probes.length} checks passed`);
  const wrong = report.probes.filter(({ verdict }) => verdict === report.verdict);
  return {
    verdict: report.verdict,
    evidence: wrong.map(explainProbe).join("; "),
    isPending: wrong.some(({ isPending }) => isPending),
  };
}
