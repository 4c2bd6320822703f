import { isUnwritable } from "../state/state.ts";
import type { RunContext } from "./context.ts";
import type { Failure } from "./failure.ts";
import type { Operation } from "./operation.ts";
import type { ContainerReport, Outcome } from "./outcome.ts";
import { candidatesOf, followersOf, type MemberPlan, type UpdatePlan } from "./plan.ts";
import { recordEnding, tellRollBackBegins } from "./record.ts";
import type { Steps } from "./steps.ts";

/** On a full disk the state's reserve is given up for these. */
const ESSENTIAL = { isEssential: true };

/** How each candidate's update ended, by container. */
export type Outcomes = ReadonlyMap<string, Outcome>;

/**
 * The commit point: the step, every outcome and its message in one transaction. Until it is
 * durable, everything goes back; throws STATE_UNWRITABLE then.
 */
export function recordCommit(
  operation: Operation,
  outcomes: Outcomes,
  steps: Steps,
  context: RunContext,
): ContainerReport[] {
  return context.state.transaction(() => {
    operation.step("commit", null);
    return recordAll(operation, outcomes, null, steps, context);
  });
}

/**
 * The end of an operation that was not committed. A state that cannot be written is noted: the
 * operation then stays open (clean it up and its outcome would never be told), and the next
 * recovery finds all in place and tells it (I6).
 */
export function recordEnd(
  operation: Operation,
  outcomes: Outcomes,
  failure: Failure,
  steps: Steps,
  context: RunContext,
): { reports: ContainerReport[]; isRecorded: boolean } {
  try {
    const reports = context.state.transaction(() => {
      const recorded = recordAll(operation, outcomes, failure, steps, context);
      const isLost = [...outcomes.values()].some(({ kind }) => kind === "rollback-failed");
      if (isLost) operation.close("rollback-failed");
      return recorded;
    }, ESSENTIAL);
    return { reports, isRecorded: true };
  } catch (error) {
    if (!isUnwritable(error)) throw error;
    context.progress({ kind: "note", text: error.message });
    return { reports: reportsOf(operation, outcomes, steps), isRecorded: false };
  }
}

/** What the run shows of an operation whose end is not on record. */
export function reportsOf(
  operation: Operation,
  outcomes: Outcomes,
  steps: Steps,
): ContainerReport[] {
  return candidatesOf(operation.plan).map((member) => reportOf(operation, member, outcomes, steps));
}

/** Tells that a roll back begins, for every candidate. */
export function announceRollBack(
  operation: Operation,
  failure: Failure,
  context: RunContext,
): void {
  try {
    context.state.transaction(() => {
      for (const { container, service } of candidatesOf(operation.plan)) {
        const key = keyOf(operation, container);
        tellRollBackBegins({ container, service, key }, failure, context);
      }
    }, ESSENTIAL);
  } catch (error) {
    if (!isUnwritable(error)) throw error;
    context.progress({ kind: "note", text: error.message });
  }
}

function recordAll(
  operation: Operation,
  outcomes: Outcomes,
  failure: Failure | null,
  steps: Steps,
  context: RunContext,
): ContainerReport[] {
  const { plan } = operation;
  return candidatesOf(plan).map((member) => {
    const report = reportOf(operation, member, outcomes, steps);
    const facts = plan.facts[member.container] ?? NO_FACTS;
    const { candidateImageId, kind } = plan;
    const { formerDigests } = member;
    const key = keyOf(operation, member.container);
    const cause = failure === null ? null : causeFor(member, failure, plan);
    const ending = { report, facts, candidateImageId, kind, failure: cause, key, formerDigests };
    recordEnding(ending, operation.runId, context);
    return report;
  });
}

/** What a candidate does to its followers is its own failure, and counts against its digest. */
function causeFor(member: MemberPlan, failure: Failure, plan: UpdatePlan): Failure {
  const isOfFollower = followersOf(member, plan).includes(failure.container);
  return isOfFollower ? { ...failure, container: member.container } : failure;
}

const NO_FACTS = { decision: null, databaseUpdatedAtMs: null, scannerVersion: null };

function reportOf(
  { plan }: Operation,
  member: MemberPlan,
  outcomes: Outcomes,
  steps: Steps,
): ContainerReport {
  const outcome = outcomes.get(member.container);
  if (outcome === undefined) throw new Error(`no outcome for ${member.container}`);
  const followers = followersOf(member, plan);
  return {
    container: member.container,
    service: member.service,
    reference: member.reference,
    runningImageId: member.formerImageId,
    runningDigest: member.formerDigest,
    candidate: plan.candidateDigest,
    decision: plan.facts[member.container]?.decision ?? null,
    outcome,
    phases: steps.phases(),
    ...(followers.length === 0 ? {} : { followers }),
  };
}

function keyOf({ id }: Operation, container: string): string {
  return `${id}:${container}`;
}
