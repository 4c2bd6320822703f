import { CONTAINER_SUPERSEDED, IMAGE_GONE, RECREATION_REFUSED } from "../errors.ts";
import { oneLine, redactorFor } from "../services/evidence.ts";
import { awaitEngine } from "./await-engine.ts";
import { undoBackup } from "./back-up.ts";
import type { RunContext } from "./context.ts";
import { putBackByCompose } from "./deploy-by-compose.ts";
import { putBackByEngine } from "./deploy-by-engine.ts";
import { attempt, type Failure, isEngineAway, isFailure, isUnanswered } from "./failure.ts";
import { pointTag, presentImage } from "./image-tags.ts";
import type { Operation } from "./operation.ts";
import type { Outcome } from "./outcome.ts";
import { outlastStop } from "./outlast-stop.ts";
import { candidatesOf, followersOf, imageFor, type MemberPlan, membersWithin } from "./plan.ts";
import { quietly } from "./quietly.ts";
import { isCutOff } from "./replaced.ts";
import { type Proof, verify } from "./verify.ts";

const LOG_LINES = 20;
/** A restart of the engine takes seconds; a package upgrade some minutes. */
const ENGINE_PATIENCE_MS = 5 * 60_000;
/** What another attempt would only say again. */
const FINAL: ReadonlySet<string | null> = new Set([
  CONTAINER_SUPERSEDED.code,
  IMAGE_GONE.code,
  RECREATION_REFUSED.code,
]);
const ATTEMPTS = 3;
const PAUSE_MS = 1000;

/** How a roll back ended, with the candidates' last log lines by container. */
export interface RollBackResult {
  /**
   * `rolled-back`: every former image runs and no check is worse than before the update (I8).
   * `engine-away`: nothing could be done now; the operation stays open for the next recovery. An
   * engine that answers but cannot do one thing will not do it then either: that is `failed`.
   */
  kind: "rolled-back" | "failed" | "engine-away";
  why: string;
  evidence: readonly string[];
  logs: ReadonlyMap<string, readonly string[]>;
  /** Somebody else replaced these meanwhile: they were not touched. */
  superseded: ReadonlySet<string>;
}

/**
 * Puts every member back to what ran before, parents first, and proves it. Looks at reality
 * before each step, so it can be entered from any half-way point, and again after a crash. What the
 * engine or a container does is part of the result: a roll back is never rolled back (I11).
 */
export async function rollBack(operation: Operation, context: RunContext): Promise<RollBackResult> {
  await quietly(context, () => awaitEngine(context.ports, ENGINE_PATIENCE_MS));
  let unanswered: Failure | null = null;
  const logs = new Map<string, readonly string[]>();
  const problems: string[] = [];
  const evidence: string[] = [];
  const superseded = new Set<string>();
  for (const member of operation.plan.members) {
    // Its turn had not come: nothing of it was touched.
    if (member.deployStartedAtMs === null && operation.plan.postgres === undefined) {
      await quietly(context, () => undoBackup(member, context));
      continue;
    }
    operation.step("roll-back", member);
    await quietly(context, () => outlastStop(member, operation, context));
    const result = await persistently(member, context, async () => {
      await quietly(context, () => stopWithin(member, operation, context));
      const log = await putBack(member, operation, context);
      if (log.length > 0) logs.set(member.container, readable(log, member));
      const proof = await proveFormer(member, operation, context);
      if (proof.verdict === "healthy") {
        await quietly(context, () => undoBackup(member, context));
        return;
      }
      evidence.push(...proof.evidence);
      problems.push(`${member.container}: ${proof.why}`);
    });
    if (result === undefined) continue;
    if (isUnanswered(result)) unanswered = result;
    if (result.code === CONTAINER_SUPERSEDED.code) {
      superseded.add(member.container);
      // Its backup is all that is left of what ran before.
      member.rotation = null;
      operation.savePlan();
    } else problems.push(`${member.container}: ${result.why}`);
  }
  if (problems.length === 0) return { kind: "rolled-back", why: "", evidence, logs, superseded };
  const kind = (await isEngineAway(unanswered, context)) ? "engine-away" : "failed";
  return { kind, why: problems.join("; "), evidence, logs, superseded };
}

/**
 * One call that fails is no reason to leave a service down and call for a person: putting back can
 * be entered again at any point.
 */
async function persistently(
  member: MemberPlan,
  context: RunContext,
  work: () => Promise<void>,
): Promise<Failure | undefined> {
  for (let tries = 1; ; tries += 1) {
    const result = await attempt("roll-back", member, work);
    if (!isFailure(result)) return undefined;
    if (tries >= ATTEMPTS || FINAL.has(result.code)) return result;
    context.progress({ kind: "note", text: `${result.why}; trying again` });
    await context.ports.clock.sleep(PAUSE_MS * tries);
    if (isUnanswered(result)) {
      await quietly(context, () => awaitEngine(context.ports, ENGINE_PATIENCE_MS));
    }
  }
}

/** The outcome of every candidate after a roll back; its followers' is part of it. */
export function rollBackOutcomes(
  { plan }: Operation,
  failure: Failure,
  result: RollBackResult,
): Map<string, Outcome> {
  const { phase } = failure;
  return new Map(
    candidatesOf(plan).map((candidate): [string, Outcome] => {
      const { container } = candidate;
      const family = [container, ...followersOf(candidate, plan)];
      const logs = family.flatMap((name) => result.logs.get(name) ?? []);
      const evidence = [...failure.evidence, ...logs];
      const superseded = family.find((name) => result.superseded.has(name));
      if (superseded !== undefined) {
        const why = CONTAINER_SUPERSEDED(superseded).message;
        return [container, { kind: "failed", phase, why }];
      }
      if (result.kind === "rolled-back") {
        return [container, { kind: "rolled-back", phase, why: failure.why, evidence }];
      }
      if (result.kind === "engine-away") return [container, leftOpen(failure)];
      const why = `${failure.why}; the roll back failed: ${result.why}`;
      return [
        container,
        { kind: "rollback-failed", phase, why, evidence: [...evidence, ...result.evidence] },
      ];
    }),
  );
}

/** What a run shows of an operation that nothing could be done about while the engine was away. */
export function leftOpen(failure: Failure): Outcome {
  const why = `${failure.why}; the engine went away, the next run or \`pratique recover\` goes on`;
  return { kind: "failed", phase: "roll-back", why };
}

/** Log lines fit for a report: the container's own settings stay hidden (I12). */
function readable(log: readonly string[], member: MemberPlan): string[] {
  const redact = redactorFor(member.formerInspect);
  return log.slice(-LOG_LINES).map((line) => `log: ${oneLine(redact(line))}`);
}

/** What lives in its namespaces stops before it is exchanged, unless it is in its place already. */
async function stopWithin(
  member: MemberPlan,
  { plan }: Operation,
  { ports }: RunContext,
): Promise<void> {
  const within = membersWithin(member, plan);
  if (within.length === 0) return;
  const parent = await ports.engine.inspectContainer(member.container);
  if (parent?.Image === member.formerImageId && parent.State.Running) return;
  for (const { container } of within.toReversed()) {
    const present = await ports.engine.inspectContainer(container);
    if (present?.State.Running) await ports.engine.stopContainer(present.Id);
  }
}

async function putBack(
  member: MemberPlan,
  operation: Operation,
  context: RunContext,
): Promise<string[]> {
  const { ports } = context;
  const { reference } = member;
  const ours = [imageFor(member, operation.plan), member.formerImageId];
  const present = await ports.engine.inspectContainer(member.container);
  if (present !== null && !ours.includes(present.Image)) {
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
  operation: Operation,
  context: RunContext,
): Promise<Proof> {
  const { plan } = operation;
  // PostgreSQL's dependents are stopped until their database is proved; followers come next.
  const withoutDependents = plan.postgres !== undefined || membersWithin(member, plan).length > 0;
  const expectation = { imageId: member.formerImageId, withDeep: false, withoutDependents };
  const proof = await verify(member, expectation, context);
  const present = await context.ports.engine.inspectContainer(member.container);
  const { engine } = context.ports;
  if (present === null || !(await isCutOff(present, member, operation, engine))) return proof;
  return { ...proof, verdict: "unhealthy", why: "it is cut off from what it lives in" };
}
