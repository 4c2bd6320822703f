import { operationSteps } from "../state/journal.ts";
import type { RunContext } from "../update/context.ts";
import type { Failure } from "../update/failure.ts";
import type { Operation } from "../update/operation.ts";
import type { ContainerReport } from "../update/outcome.ts";
import { quietly } from "../update/quietly.ts";
import type { Steps } from "../update/steps.ts";
import { givePoliciesBack, startCompanions } from "./companions.ts";
import { recoverDatabaseRestore } from "./end-database-restore.ts";
import { endFailed, goBackPostgres } from "./end-failed.ts";
import { removeHelpers } from "./helper.ts";
import { updateOf } from "./postgres-update.ts";
import { recoverRestore } from "./recover-restore.ts";
import { goOn } from "./run-postgres-update.ts";
import { isBefore, POSTGRES_STEPS, type PostgresStep } from "./steps.ts";

/**
 * Brings an interrupted PostgreSQL update to one of its two ends: what had not reached the commit
 * point goes back, what had goes on. Helpers of the crashed run are ended first.
 */
export async function recoverPostgres(
  operation: Operation,
  failure: Failure,
  steps: Steps,
  context: RunContext,
): Promise<ContainerReport[]> {
  const { engine } = context.ports;
  await removeHelpers(operation.id, engine);
  await endLeftPrograms(operation, context);
  const restore = operation.plan.postgres?.restore;
  if (restore?.kind === "database") {
    await recoverDatabaseRestore(updateOf(operation, steps, context));
    return [];
  }
  if (restore !== undefined) {
    await recoverRestore(updateOf(operation, steps, context));
    return [];
  }
  const journal = operationSteps(context.state, operation.id);
  const reached = journal.map(({ detail }) => stepOf(detail)).findLast((step) => step !== null);
  const update = updateOf(operation, steps, context, reached ?? "notify start");
  const isGoingBack = journal.some(({ phase }) => phase === "roll-back");
  const isCommitted = !isBefore(update.reached, "start dependents");
  if (isGoingBack) return await goBackPostgres(update, failure, { mayRestore: !isCommitted });
  return isCommitted ? await goOn(update) : await endFailed(update, failure);
}

/** A dump or a restore goes on in the server's container when pratique is gone. */
async function endLeftPrograms({ plan }: Operation, context: RunContext): Promise<void> {
  const { engine } = context.ports;
  const [{ container, formerId }] = plan.members;
  const present = [
    await engine.inspectContainer(formerId),
    await engine.inspectContainer(container),
  ];
  const running = present.filter((each) => each?.State.Running && !each.State.Restarting);
  for (const id of new Set(running.map((each) => each?.Id ?? ""))) {
    await quietly(context, () => engine.endLeftExecs(id));
  }
}

function stepOf(detail: unknown): PostgresStep | null {
  if (typeof detail !== "object" || detail === null || !("postgres" in detail)) return null;
  return POSTGRES_STEPS.find((step) => step === detail.postgres) ?? null;
}

/** Where recovery itself gives up: applications get their chance, the database a person. */
export async function startCompanionsAgain(
  { plan }: Operation,
  context: RunContext,
): Promise<void> {
  const companions = plan.postgres?.companions ?? [];
  await quietly(context, async () => {
    const problems = [
      ...(await startCompanions(companions, "dependent", context)),
      ...(await startCompanions(companions, "sidecar", context)),
    ];
    await givePoliciesBack(companions, context);
    for (const text of problems) context.progress({ kind: "note", text });
  });
}
