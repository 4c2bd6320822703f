/**
 * What a crash left is finished or rolled back: a function of the journal and of what the engine
 * says now (I5, facts/crash-safety section 3). Every step first looks, so recovery can itself be
 * interrupted and run again.
 */
import { recoverPostgres } from "../postgres/recover-postgres.ts";
import { countRecoveryAttempt, operationSteps, unfinishedOperations } from "../state/journal.ts";
import type { RunContext } from "./context.ts";
import type { Failure } from "./failure.ts";
import { type Operation, resumeOperation } from "./operation.ts";
import type { ContainerReport, Outcome } from "./outcome.ts";
import type { Phase } from "./phases.ts";
import type { UpdatePlan } from "./plan.ts";
import { recordEnd } from "./record-operation.ts";
import { abandon, goBack, tidy } from "./run-update.ts";
import { Steps } from "./steps.ts";

/** A recovery that never ends is ended: a person must look. */
const MAX_ATTEMPTS = 5;

/** Brings every unfinished operation to one of its ends. Needs the host lock. */
export async function recoverUnfinished(context: RunContext): Promise<ContainerReport[]> {
  const reports: ContainerReport[] = [];
  for (const stored of unfinishedOperations<UpdatePlan>(context.state)) {
    // Programs outlive a killed parent: what they still do must be over before anybody looks.
    const ended = await context.ports.processes.endMarked(stored.id);
    context.audit.write({ event: "recover", operation: stored.id, ended });
    const operation = resumeOperation(context.state, stored);
    const attempts = countRecoveryAttempt(context.state, stored.id);
    reports.push(...(await recoverOne(operation, attempts, context)));
  }
  return reports;
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
  if (attempts > MAX_ATTEMPTS) return giveUp(operation, failure, steps, context);
  if (phases.includes("commit")) {
    await tidy(operation, "committed", steps, context);
    return [];
  }
  if (phases.includes("clean-up")) {
    // The outcome was recorded before; only what is left lying about is left to do.
    await tidy(
      operation,
      phases.includes("roll-back") ? "rolled-back" : "abandoned",
      steps,
      context,
    );
    return [];
  }
  if (operation.plan.postgres !== undefined) {
    return await recoverPostgres(operation, failure, steps, context);
  }
  if (!phases.includes("deploy")) return await abandon(operation, failure, steps, context);
  return await goBack(operation, failure, steps, context);
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
    operation.plan.members.map(({ container }) => [
      container,
      { kind: "rollback-failed", phase, why, evidence: [] },
    ]),
  );
  return recordEnd(
    operation,
    outcomes,
    { ...interruptedIn(phase, operation), why },
    steps,
    context,
  );
}
