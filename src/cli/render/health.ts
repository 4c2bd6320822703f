import type { Verdict } from "../../ports.ts";
import { explainProbe, type HealthReport } from "../../services/health-report.ts";
import { formatDuration } from "../../values/duration.ts";
import type { Paint, Tone } from "./style.ts";
import { visible } from "./visible.ts";

const TONES: Readonly<Record<Verdict, Tone>> = {
  healthy: "good",
  unhealthy: "bad",
  unknown: "warning",
};

/** Each service with its probes; with `quiet` only what is not healthy. */
export function healthLines(
  reports: readonly HealthReport[],
  options: { paint: Paint; quiet: boolean },
): string[] {
  const shown = options.quiet ? reports.filter(({ verdict }) => verdict !== "healthy") : reports;
  return shown.flatMap((report) => [
    `${visible(report.service)}: ${word(report.verdict, options.paint)} (${report.preset}, ${formatDuration(report.durationMs)})`,
    ...report.probes.map(
      (result) => `  ${word(result.verdict, options.paint)}  ${visible(explainProbe(result))}`,
    ),
  ]);
}

function word(verdict: Verdict, paint: Paint): string {
  return paint(verdict, TONES[verdict]);
}
