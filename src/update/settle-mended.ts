import { type Operation, settleFailedRollback, unfinishedOperations } from "../state/journal.ts";
import type { RunContext } from "./context.ts";
import type { UpdatePlan } from "./plan.ts";
import { completePlan } from "./recover.ts";
import { verify } from "./verify.ts";

/**
 * Closes the failed roll backs that a person says are mended: each container is up, stable and no worse
 * than before the update, as after a roll back of our own, on whatever image it was given. Until
 * then they wait, with the reason; no scheduled run touches these containers.
 */
export async function settleMended(
  waiting: readonly Operation<UpdatePlan>[],
  runId: string,
  context: RunContext,
): Promise<void> {
  for (const failed of waiting) {
    const names = failed.containers.join(", ");
    const why = await whyNotMended(failed, context);
    if (why === null) settleFailedRollback(context.state, failed, runId);
    const text =
      why === null
        ? "all is well again, so the failed roll back is closed"
        : `the failed roll back still waits for a person: ${why}`;
    context.audit.write({ event: "settle", operation: failed.id, outcome: why ?? "closed" });
    context.progress({ kind: "note", text: `${names}: ${text}` });
  }
}

async function whyNotMended(
  failed: Operation<UpdatePlan>,
  context: RunContext,
): Promise<string | null> {
  const unfinished = unfinishedOperations(context.state).flatMap(({ containers }) => containers);
  const busy = failed.containers.find((container) => unfinished.includes(container));
  if (busy !== undefined) return `a later update of ${busy} is not finished`;
  for (const member of completePlan(failed.plan).members) {
    const { container } = member;
    const present = await context.ports.engine.inspectContainer(container);
    if (present === null) return `there is no container ${container}`;
    const expectation = { imageId: present.Image, withDeep: false };
    const { verdict, why } = await verify(member, expectation, context);
    if (verdict !== "healthy") return `${container}: ${why}`;
  }
  return null;
}
