/**
 * The update procedure of one group: the runbook (`docs/runbook.md`) in code. `prepareUpdate` is
 * discover to gate and touches nothing in service; this is the rest. All branching is here: a
 * phase reports what it found and decides nothing about the next one.
 */
import { COMPOSE_CHANGED, CONTAINER_SUPERSEDED } from "../errors.ts";
import type { OperationEnd } from "../state/journal.ts";
import { backUp, undoBackup, type VerifiedBackup } from "./back-up.ts";
import { confirmDeployed, measureDowntime } from "./commit.ts";
import type { RunContext } from "./context.ts";
import { deploy } from "./deploy.ts";
import { attempt, type Failure, isFailure } from "./failure.ts";
import { finishOperation } from "./finish-operation.ts";
import type { ApprovedImage } from "./gate.ts";
import { beginOperation, type Operation } from "./operation.ts";
import type { ContainerReport, Outcome } from "./outcome.ts";
import { candidatesOf, imageFor, type MemberPlan, membersWithin, type UpdatePlan } from "./plan.ts";
import { quietly } from "./quietly.ts";
import { announceRollBack, recordCommit, recordEnd, reportsOf } from "./record-operation.ts";
import { rollBack, rollBackOutcomes } from "./roll-back.ts";
import type { Steps } from "./steps.ts";
import { verify } from "./verify.ts";

export interface ReadyUpdate {
  plan: UpdatePlan;
  /** The gate's proof; a roll back by hand to an image that ran before has its own. */
  approved: ApprovedImage;
  steps: Steps;
}

/**
 * Back up, deploy, verify, then commit or roll back, clean up. What a candidate, the engine or
 * compose does is an outcome for every member, never an exception.
 */
export async function runUpdate(
  { plan, approved, steps }: ReadyUpdate,
  runId: string,
  context: RunContext,
): Promise<ContainerReport[]> {
  const operation = beginOperation(context.state, runId, plan);
  const backup = await steps.run("back-up", "keeping what runs now", () =>
    attempt("back-up", plan.members[0], () => backUp(operation, context)),
  );
  if (isFailure(backup)) return await abandon(operation, backup, steps, context);

  const failure =
    (await deployAndVerify(operation, { approved, backup }, steps, context)) ??
    (await steps.run("commit", "making it final", () => commit(operation, steps, context)));
  if (isFailure(failure)) {
    return isOvertaken(failure, operation)
      ? await abandon(operation, failure, steps, context)
      : await goBack(operation, failure, steps, context);
  }

  await tidy(operation, "committed", steps, context);
  return failure;
}

/**
 * Members in their order, followers after the parents that they live in; the first that fails ends
 * it for all.
 */
async function deployAndVerify(
  operation: Operation,
  proofs: { approved: ApprovedImage; backup: VerifiedBackup },
  steps: Steps,
  context: RunContext,
): Promise<Failure | null> {
  const { plan } = operation;
  for (const member of plan.members) {
    const { container } = member;
    const isParent = membersWithin(member, plan).length > 0;
    const offsetMs = wallOffsetMs(context);
    const deployed = await steps.run(
      "deploy",
      member.role === "candidate"
        ? `replacing it by ${member.strategy}`
        : `making it again by ${member.strategy}, for what it lives in`,
      () =>
        attempt("deploy", member, async () => {
          operation.step("deploy", member);
          await deploy(member, operation, proofs, context);
          operation.step("verify", member);
        }),
      container,
    );
    if (isFailure(deployed)) return deployed;
    const imageId = imageFor(member, plan);
    const expectation = { imageId, withDeep: true, withoutDependents: isParent };
    const failed = await steps.run(
      "verify",
      "waiting until it is healthy",
      () => attempt("verify", member, () => prove(member, expectation, offsetMs, context)),
      container,
    );
    if (isFailure(failed)) return failed;
  }
  return await proveDependents(operation, steps, context);
}

/** Configured dependents of a parent are checked when what lives in it is there again. */
async function proveDependents(
  operation: Operation,
  steps: Steps,
  context: RunContext,
): Promise<Failure | null> {
  const { plan } = operation;
  for (const member of candidatesOf(plan)) {
    const dependents = context.config.services[member.service]?.dependents ?? [];
    if (dependents.length === 0 || membersWithin(member, plan).length === 0) continue;
    const expectation = { imageId: imageFor(member, plan), withDeep: false };
    const failed = await steps.run(
      "verify",
      "looking at its dependents",
      () =>
        attempt("verify", member, () => prove(member, expectation, wallOffsetMs(context), context)),
      member.container,
    );
    if (isFailure(failed)) return failed;
  }
  return null;
}

/** Wall time as it is now, on the monotonic clock: a jump after this is no downtime. */
function wallOffsetMs({ ports }: RunContext): number {
  return ports.clock.now() - ports.clock.monotonicMs();
}

async function prove(
  member: MemberPlan,
  expectation: { imageId: string; withDeep: boolean; withoutDependents?: boolean },
  offsetMs: number,
  context: RunContext,
): Promise<Failure | null> {
  const { verdict, why, evidence, firstPassed } = await verify(member, expectation, context);
  if (firstPassed !== null) member.firstHealthyAtMs ??= firstPassed.monotonicMs + offsetMs;
  if (verdict === "healthy") return null;
  const { container } = member;
  return { kind: "failure", phase: "verify", container, why, code: null, evidence, verdict };
}

/** Final in one transaction: the step, the outcomes, their messages (I6). Until then all go back. */
async function commit(
  operation: Operation,
  steps: Steps,
  context: RunContext,
): Promise<Failure | ContainerReport[]> {
  return await attempt("commit", operation.plan.members[0], async () => {
    await confirmDeployed(operation, context);
    const outcomes = new Map<string, Outcome>();
    for (const { container } of candidatesOf(operation.plan)) {
      const downtimeMs = await measureDowntime(operation, container, context);
      outcomes.set(container, { kind: "updated", downtimeMs });
    }
    return recordCommit(operation, outcomes, steps, context);
  });
}

/** Everything back to what ran before, proved (I8). Also how `recover` ends what a crash left. */
export async function goBack(
  operation: Operation,
  failure: Failure,
  steps: Steps,
  context: RunContext,
): Promise<ContainerReport[]> {
  announceRollBack(operation, failure, context);
  const result = await steps.run("roll-back", failure.why, () => rollBack(operation, context));
  const outcomes = rollBackOutcomes(operation, failure, result);
  if (result.kind === "engine-away") return reportsOf(operation, outcomes, steps);
  const { reports, isRecorded } = recordEnd(operation, outcomes, failure, steps, context);
  // What is left of a failed roll back is evidence, and a person's to decide about.
  if (isRecorded && result.kind === "rolled-back") {
    await tidy(operation, "rolled-back", steps, context);
  }
  return reports;
}

/** Somebody edited the files or replaced the container meanwhile, and nothing was touched yet. */
function isOvertaken({ code, phase, container }: Failure, { plan }: Operation): boolean {
  const isTheirs = code === COMPOSE_CHANGED.code || code === CONTAINER_SUPERSEDED.code;
  return isTheirs && phase === "deploy" && container === plan.members[0].container;
}

/** Failed, or held, before anything in service was changed. */
export async function abandon(
  operation: Operation,
  failure: Failure,
  steps: Steps,
  context: RunContext,
): Promise<ContainerReport[]> {
  const { phase, why } = failure;
  const outcome: Outcome =
    failure.code === COMPOSE_CHANGED.code
      ? { kind: "held", reason: "drift", why }
      : { kind: "failed", phase, why };
  const outcomes = new Map<string, Outcome>();
  for (const member of candidatesOf(operation.plan)) {
    await quietly(context, () => undoBackup(member, context));
    outcomes.set(member.container, outcome);
  }
  const { reports, isRecorded } = recordEnd(operation, outcomes, failure, steps, context);
  if (isRecorded) await tidy(operation, "abandoned", steps, context);
  return reports;
}

/** Clean up and close. What cannot be removed now is left to the next recovery. */
export async function tidy(
  operation: Operation,
  end: OperationEnd,
  steps: Steps,
  context: RunContext,
): Promise<void> {
  await steps.run("clean-up", "removing what is no longer needed", () =>
    quietly(context, () => finishOperation(operation, end, context)),
  );
}
