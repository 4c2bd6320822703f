import { CONTAINER_SUPERSEDED } from "../errors.ts";
import type { Verification } from "../services/await-healthy.ts";
import { oneLine, redactorFor } from "../services/evidence.ts";
import { undoBackup } from "./back-up.ts";
import type { RunContext } from "./context.ts";
import { putBackByCompose } from "./deploy-by-compose.ts";
import { putBackByEngine } from "./deploy-by-engine.ts";
import { attempt, type Failure, isFailure } from "./failure.ts";
import { pointTag, presentImage } from "./image-tags.ts";
import type { Operation } from "./operation.ts";
import type { Outcome } from "./outcome.ts";
import type { MemberPlan } from "./plan.ts";
import { quietly } from "./quietly.ts";
import { verify } from "./verify.ts";

const LOG_LINES = 20;

/** How a roll back ended, with the candidates' last log lines by container. */
export interface RollBackResult {
  /** `rolled-back`: every former image runs and no check is worse than before the update (I8). */
  kind: "rolled-back" | "failed";
  why: string;
  evidence: readonly string[];
  logs: ReadonlyMap<string, readonly string[]>;
  /** Somebody else replaced these meanwhile: they were not touched. */
  superseded: ReadonlySet<string>;
}

/**
 * Puts every member back to what ran before, dependencies first, and proves it. Looks at reality
 * before each step, so it can be entered from any half-way point, and again after a crash. What the
 * engine or a container does is part of the result: a roll back is never rolled back (I11).
 */
export async function rollBack(operation: Operation, context: RunContext): Promise<RollBackResult> {
  const logs = new Map<string, readonly string[]>();
  const problems: string[] = [];
  const evidence: string[] = [];
  const superseded = new Set<string>();
  for (const member of operation.plan.members) {
    operation.step("roll-back", member);
    const result = await attempt("roll-back", member, async () => {
      const log = await putBack(member, operation, context);
      logs.set(member.container, readable(log, member));
      const proof = await proveFormer(member, operation, context);
      if (proof.verdict === "healthy") {
        await quietly(context, () => undoBackup(member, context));
        return;
      }
      evidence.push(...proof.evidence);
      problems.push(`${member.container}: ${proof.why}`);
    });
    if (!isFailure(result)) continue;
    if (result.code === CONTAINER_SUPERSEDED.code) superseded.add(member.container);
    else problems.push(`${member.container}: ${result.why}`);
  }
  const kind = problems.length === 0 ? "rolled-back" : "failed";
  return { kind, why: problems.join("; "), evidence, logs, superseded };
}

/** The outcome of every member after a roll back. */
export function rollBackOutcomes(
  { plan }: Operation,
  failure: Failure,
  result: RollBackResult,
): Map<string, Outcome> {
  const { phase } = failure;
  return new Map(
    plan.members.map(({ container }): [string, Outcome] => {
      const evidence = [...failure.evidence, ...(result.logs.get(container) ?? [])];
      if (result.superseded.has(container)) {
        const why = CONTAINER_SUPERSEDED(container).message;
        return [container, { kind: "failed", phase, why }];
      }
      if (result.kind === "rolled-back") {
        return [container, { kind: "rolled-back", phase, why: failure.why, evidence }];
      }
      const why = `${failure.why}; the roll back failed: ${result.why}`;
      return [
        container,
        { kind: "rollback-failed", phase, why, evidence: [...evidence, ...result.evidence] },
      ];
    }),
  );
}

/** Log lines fit for a report: the container's own settings stay hidden (I12). */
function readable(log: readonly string[], member: MemberPlan): string[] {
  const redact = redactorFor(member.formerInspect);
  return log.slice(-LOG_LINES).map((line) => `log: ${oneLine(redact(line))}`);
}

async function putBack(
  member: MemberPlan,
  operation: Operation,
  context: RunContext,
): Promise<string[]> {
  const { ports } = context;
  const { reference, candidateImageId } = operation.plan;
  const present = await ports.engine.inspectContainer(member.container);
  if (present !== null && ![candidateImageId, member.formerImageId].includes(present.Image)) {
    throw CONTAINER_SUPERSEDED(member.container);
  }
  const former = { imageId: member.formerImageId, reference, digest: member.formerDigest };
  await presentImage(former, ports);
  await pointTag(reference, member.formerImageId, ports.engine);
  return member.strategy === "compose"
    ? await putBackByCompose(member, operation, ports)
    : await putBackByEngine(member, operation, ports);
}

async function proveFormer(
  member: MemberPlan,
  { plan }: Operation,
  context: RunContext,
): Promise<Verification> {
  // PostgreSQL's dependents are stopped until their database is proved.
  const withoutDependents = plan.postgres !== undefined;
  const expectation = { imageId: member.formerImageId, withDeep: false, withoutDependents };
  return await verify(member, expectation, context);
}
