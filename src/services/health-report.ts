import type { Verdict } from "../ports.ts";
import type { CheckResult } from "./checks/check.ts";

/** One look at one service: every routine probe with its verdict and evidence. */
export interface HealthReport {
  service: string;
  container: string;
  preset: string;
  presetWhy: string;
  /** The worst of the probes: unhealthy, then unknown. */
  verdict: Verdict;
  probes: readonly CheckResult[];
  durationMs: number;
  /** Null where there is no such container. */
  containerId: string | null;
  imageId: string | null;
}

const RANK: Readonly<Record<Verdict, number>> = { healthy: 0, unknown: 1, unhealthy: 2 };

/** The worst verdict; healthy where there is none. */
export function worstVerdict(verdicts: readonly Verdict[]): Verdict {
  return verdicts.reduce((worst, next) => (RANK[next] > RANK[worst] ? next : worst), "healthy");
}

/** A probe with the reason, as one line: `dns A pi.hole …: answered SERVFAIL`. */
export function explainProbe(result: CheckResult): string {
  const isNamed = result.evidence.startsWith(result.probe);
  return isNamed ? result.evidence : `${result.probe}: ${result.evidence}`;
}

export interface BaselineComparison {
  /** Probes that are worse than before: they count against the candidate. */
  worse: readonly CheckResult[];
  /** Unhealthy or unknown, but no worse than before: reported, not counted. */
  asBefore: readonly CheckResult[];
}

/**
 * What is worse now than before the update. A probe without a former result must be healthy; one
 * that is still pending has not passed, whatever it was before.
 */
export function compareWithBaseline(
  baseline: HealthReport | null,
  now: Pick<HealthReport, "probes">,
): BaselineComparison {
  const before = new Map(baseline?.probes.map((result) => [result.probe, result.verdict]));
  const notHealthy = now.probes.filter(({ verdict }) => verdict !== "healthy");
  const isWorse = (result: CheckResult) =>
    result.isPending || RANK[result.verdict] > RANK[before.get(result.probe) ?? "healthy"];
  return {
    worse: notHealthy.filter(isWorse),
    asBefore: notHealthy.filter((result) => !isWorse(result)),
  };
}

/**
 * Why an update must wait: a required probe could not look, so nobody could tell success
 * afterwards. Null where it need not.
 */
export function whyBaselineHolds(baseline: HealthReport): string | null {
  const blind = baseline.probes.filter(
    ({ isRequired, isPending, verdict }) => isRequired && verdict === "unknown" && !isPending,
  );
  if (blind.length === 0) return null;
  return `cannot tell whether ${baseline.service} is healthy: ${blind.map(explainProbe).join("; ")}`;
}
