import { awaitHealthy, type Verification } from "../services/await-healthy.ts";
import type { CheckDeps } from "../services/checks/check.ts";
import type { RunContext } from "./context.ts";
import type { MemberPlan } from "./plan.ts";

/** How a proof ended. */
export type Proof = Pick<Verification, "verdict" | "why" | "evidence" | "firstPassed">;

/**
 * Proves that a member runs this image id and that no check is worse than before the update:
 * container up and stable, HEALTHCHECK, the service's probes. A container that does not start is
 * an answer here, not an error; so the decision to roll back has one home.
 */
export async function verify(
  member: MemberPlan,
  expectation: { imageId: string; withDeep: boolean; withoutDependents?: boolean },
  context: RunContext,
): Promise<Proof> {
  if (!member.wasUp) return await verifyStopped(member, expectation.imageId, context);
  return await awaitHealthy(checkTarget(member, context), await checkDeps(context), {
    deadlineMs: null,
    stableMs: null,
    expectedImageId: expectation.imageId,
    baseline: member.baseline,
    withoutDeep: !expectation.withDeep,
    withoutDependents: expectation.withoutDependents === true,
    onProgress: ({ text, elapsedMs, timeoutMs }) =>
      context.progress({ kind: "wait", container: member.container, text, elapsedMs, timeoutMs }),
  });
}

/** One that was stopped is made again and no more: it has the image, and nobody started it. */
async function verifyStopped(
  { container }: MemberPlan,
  imageId: string,
  { ports }: RunContext,
): Promise<Proof> {
  const present = await ports.engine.inspectContainer(container);
  const isAsItWas = present?.Image === imageId && !present.State.Running;
  const why = `${container} ${isAsItWas ? "is stopped, as it was" : "is not the stopped container that it was"}`;
  const verdict = isAsItWas ? "healthy" : "unhealthy";
  return { verdict, why, evidence: [], firstPassed: null };
}

/** What is checked: the container, with what the configuration says of it. */
export function checkTarget(member: { container: string; service: string }, context: RunContext) {
  return {
    container: member.container,
    service: context.config.services[member.service] ?? null,
  };
}

/** What the checks use; where this process stands is found once per call. */
export async function checkDeps(context: RunContext): Promise<CheckDeps> {
  const { engine, probes, clock, scanner } = context.ports;
  return {
    engine,
    probes,
    clock,
    scanner,
    config: context.config,
    vantage: await context.vantage(),
  };
}
