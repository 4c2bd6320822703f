/**
 * What a crash left is finished or rolled back: a function of the journal and of what the engine
 * says now (I5, facts/crash-safety section 3). Every step first looks, so recovery can itself be
 * interrupted and run again.
 */

import { OperatorError } from "../errors.ts";
import { removeAbandonedHelpers } from "../postgres/helper.ts";
import { recoverPostgres, startCompanionsAgain } from "../postgres/recover-postgres.ts";
import type { OperationEnd } from "../state/journal.ts";
import { countRecoveryAttempt, operationSteps, unfinishedOperations } from "../state/journal.ts";
import { awaitEngine } from "./await-engine.ts";
import type { RunContext } from "./context.ts";
import type { Failure } from "./failure.ts";
import { finishAtLast } from "./finish-operation.ts";
import { type Operation, resumeOperation } from "./operation.ts";
import type { ContainerReport, Outcome } from "./outcome.ts";
import type { Phase } from "./phases.ts";
import { candidatesOf, type UpdatePlan } from "./plan.ts";
import { quietly } from "./quietly.ts";
import { recordEnd } from "./record-operation.ts";
import { abandon, goBack, tidy } from "./run-update.ts";
import { Steps } from "./steps.ts";

/** A recovery that never ends is ended: a person must look. */
const MAX_ATTEMPTS = 5;
const ENGINE_PATIENCE_MS = 2 * 60_000;

/** Brings every unfinished operation to one of its ends. Needs the host lock. */
export async function recoverUnfinished(context: RunContext): Promise<ContainerReport[]> {
  const reports: ContainerReport[] = [];
  const unfinished = unfinishedOperations<UpdatePlan>(context.state);
  // After a power cut the engine may be later than we are: that is no failed attempt.
  if (unfinished.length > 0) await awaitEngine(context.ports, ENGINE_PATIENCE_MS);
  for (const stored of unfinished) {
    // Programs outlive a killed parent: what they still do must be over before anybody looks.
    const ended = await context.ports.processes.endMarked(stored.id);
    context.audit.write({ event: "recover", operation: stored.id, ended });
    const plan = completePlan(stored.plan);
    const operation = resumeOperation(context.state, { ...stored, plan });
    const attempts = countRecoveryAttempt(context.state, stored.id);
    reports.push(...(await recoverOne(operation, attempts, context)));
  }
  await removeAbandonedHelpers(context.ports.engine).catch((error: unknown) => {
    // Whoever needs the engine next tells what is wrong with it.
    if (!(error instanceof OperatorError)) throw error;
  });
  return reports;
}

/** What a version of pratique without followers wrote: all of its members were candidates. */
export function completePlan(plan: UpdatePlan): UpdatePlan {
  const { reference } = plan;
  const fields = { role: "candidate" as const, reference, attachedTo: [], wasUp: true };
  const [first, ...others] = plan.members;
  return {
    ...plan,
    members: [{ ...fields, ...first }, ...others.map((member) => ({ ...fields, ...member }))],
  };
}

async function recoverOne(
  operation: Operation,
  attempts: number,
  context: RunContext,
): Promise<ContainerReport[]> {
  const containers = operation.plan.members.map(({ container }) => container);
  const steps = new Steps(containers, operation.runId, context);
  const phases = operationSteps(context.state, operation.id).map(({ phase }) => phase);
  const last = phases.at(-1) ?? "back-up";
  const failure = interruptedIn(last, operation);
  context.progress({ kind: "note", text: `${containers.join(", ")}: ${failure.why}` });
  const end = recordedEnd(phases);
  if (end !== null) {
    // The outcome was told before; only what lies about is left to do, and it is not worth a person.
    const isLast = attempts > MAX_ATTEMPTS;
    if (isLast) await quietly(context, () => finishAtLast(operation, end, context));
    else await tidy(operation, end, steps, context);
    return [];
  }
  if (attempts > MAX_ATTEMPTS) {
    if (operation.plan.postgres !== undefined) await startCompanionsAgain(operation, context);
    return giveUp(operation, failure, steps, context);
  }
  if (operation.plan.postgres !== undefined) {
    return await recoverPostgres(operation, failure, steps, context);
  }
  if (!phases.includes("deploy")) return await abandon(operation, failure, steps, context);
  return await goBack(operation, failure, steps, context);
}

/** The end that is on record already: clean-up begins only after it. */
export function recordedEnd(phases: readonly Phase[]): OperationEnd | null {
  if (phases.includes("commit")) return "committed";
  if (!phases.includes("clean-up")) return null;
  return phases.includes("roll-back") ? "rolled-back" : "abandoned";
}

/** Says nothing about the candidate, so it does not count against its digest. */
function interruptedIn(phase: Phase, { plan }: Operation): Failure {
  return {
    kind: "failure",
    phase,
    container: plan.members[0].container,
    why: `The update was interrupted in ${phase}.`,
    code: null,
    evidence: [],
    verdict: "unknown",
  };
}

function giveUp(
  operation: Operation,
  { phase }: Failure,
  steps: Steps,
  context: RunContext,
): ContainerReport[] {
  const why = `Recovery was itself interrupted ${MAX_ATTEMPTS} times; a person must look at these containers.`;
  const outcomes = new Map<string, Outcome>(
    candidatesOf(operation.plan).map(({ container }) => [
      container,
      { kind: "rollback-failed", phase, why, evidence: [] },
    ]),
  );
  const failure = { ...interruptedIn(phase, operation), why };
  return recordEnd(operation, outcomes, failure, steps, context).reports;
}
