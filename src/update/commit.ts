import { CONTAINER_SUPERSEDED } from "../errors.ts";
import type { RunContext } from "./context.ts";
import type { Operation } from "./operation.ts";
import { isReplaced } from "./replaced.ts";

/**
 * Reads back from the engine that every candidate runs the scanned image id (I1), and that every
 * follower lives in the namespace of its new parent on its own. After this the caller makes the update final in one transaction; nothing is undone by itself any more.
 */
export async function confirmDeployed(operation: Operation, context: RunContext): Promise<void> {
  for (const member of operation.plan.members) {
    const isOurs = await isReplaced(member, operation, context.ports.engine);
    if (!isOurs) throw CONTAINER_SUPERSEDED(member.container);
  }
}

/** Removes the parked former containers; volumes stay, the new containers have them. */
export async function removeFormer(operation: Operation, context: RunContext): Promise<void> {
  for (const member of operation.plan.members.toReversed()) {
    const present = await context.ports.engine.inspectContainer(member.container);
    if (present === null || present.Id === member.formerId) continue;
    await context.ports.engine.removeContainer(member.formerId, { force: true });
  }
}

/**
 * Milliseconds from the former container's stop to the first passed check; the engine's own event
 * says when it stopped, else the start of the deployment is taken.
 */
export async function measureDowntime(
  operation: Operation,
  container: string,
  context: RunContext,
): Promise<number | null> {
  const member = operation.plan.members.find((each) => each.container === container);
  if (member === undefined || member.deployStartedAtMs === null) return null;
  if (member.firstHealthyAtMs === null) return null;
  const diedAtMs = await context.ports.engine
    .diedAt(member.formerId, member.deployStartedAtMs - 1000)
    .catch(() => null);
  return Math.max(0, member.firstHealthyAtMs - (diedAtMs ?? member.deployStartedAtMs));
}
