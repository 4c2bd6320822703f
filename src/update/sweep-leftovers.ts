import { isCandidateTag } from "../policy/backup-names.ts";
import { failedRollbacks, findOperation, unfinishedOperations } from "../state/journal.ts";
import { removeAnchors } from "./anchor-image.ts";
import { removeFormer } from "./commit.ts";
import type { RunContext } from "./context.ts";
import { removeIfUnused } from "./image-tags.ts";
import { operationIn, type UpdatePlan } from "./plan.ts";
import { quietly } from "./quietly.ts";

/**
 * Removes what earlier runs could not, because they were interrupted or the engine did not answer,
 * and no recovery does; what still cannot be removed is left to the next run. Only for who holds the
 * host lock, so that nobody else's are meant.
 */
export async function sweepLeftovers(context: RunContext): Promise<void> {
  await quietly(context, () => sweepContainers(context));
  await quietly(context, () => sweepCandidates(context));
}

/**
 * Anchors of operations that are over, and parked containers of those that have ended well. Those of
 * an open one are its way back, those of a failed roll back a person's until they have settled it, and
 * what the state does not know is not ours.
 */
async function sweepContainers(context: RunContext): Promise<void> {
  const { engine } = context.ports;
  const waiting = new Set(failedRollbacks(context.state).map(({ id }) => id));
  const left = (await engine.listContainers()).flatMap((each) => operationIn(each) ?? []);
  for (const id of new Set(left)) {
    const operation = findOperation<UpdatePlan>(context.state, id);
    if (operation === null || operation.end === null || waiting.has(id)) continue;
    await quietly(context, async () => {
      if (operation.end === "committed") await removeFormer(operation, context);
      await removeAnchors(engine, id);
    });
  }
}

/** Candidates that were pulled when no operation had begun: none knows of them. */
async function sweepCandidates({ ports, state }: RunContext): Promise<void> {
  // An operation that could not be ended now still needs its own.
  if (unfinishedOperations(state).length > 0) return;
  for (const { id, tags } of await ports.engine.listImages()) {
    const left = tags.filter(isCandidateTag);
    for (const tag of left) await ports.engine.removeImage(tag);
    if (left.length > 0) await removeIfUnused(id, ports.engine);
  }
}
