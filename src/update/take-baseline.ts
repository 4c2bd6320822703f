import { checkOnce } from "../services/check-service.ts";
import { type HealthReport, whyBaselineHolds } from "../services/health-report.ts";
import type { RunContext } from "./context.ts";
import { type Group, isUp } from "./group.ts";
import type { Refusal } from "./refusal.ts";
import { checkDeps, checkTarget } from "./verify.ts";

export interface Baseline {
  kind: "baseline";
  /** By container. */
  reports: ReadonlyMap<string, HealthReport>;
}

/**
 * How healthy members and followers are before the update: what was bad already is not the candidate's
 * fault. A required check that cannot look holds the group: nobody could tell success afterwards.
 */
export async function takeBaseline(
  group: Group,
  options: { mayBeUnknown: boolean },
  context: RunContext,
): Promise<Baseline | Refusal> {
  const reports = new Map<string, HealthReport>();
  const deps = await checkDeps(context);
  for (const member of [...group.members, ...group.followers.filter(isUp)]) {
    const report = await checkOnce(checkTarget(member, context), deps, { forBaseline: true });
    const why = whyBaselineHolds(report);
    if (why !== null && !options.mayBeUnknown)
      return { kind: "hold", reason: "baseline-unknown", why };
    reports.set(member.container, report);
  }
  return { kind: "baseline", reports };
}
