import { CONTAINER_SUPERSEDED } from "../errors.ts";
import type { RunContext } from "./context.ts";
import type { Operation } from "./operation.ts";
import { isReplaced } from "./replaced.ts";

/** Between our clock and the engine's, which tells whole seconds. */
const CLOCK_STEP_MS = 1000;

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
export async function removeFormer(
  { plan }: Pick<Operation, "plan">,
  context: RunContext,
): Promise<void> {
  for (const member of plan.members.toReversed()) {
    const present = await context.ports.engine.inspectContainer(member.container);
    if (present === null || present.Id === member.formerId) continue;
    await context.ports.engine.removeContainer(member.formerId, { force: true });
  }
}

/**
 * Milliseconds from the former container's stop to the first passed check; the engine's own event
 * says when it stopped. Where there is none, or the clock jumped since, so that it lies outside of
 * the deployment, the deployment's start is taken.
 */
export async function measureDowntime(
  operation: Operation,
  container: string,
  context: RunContext,
): Promise<number | null> {
  const member = operation.plan.members.find((each) => each.container === container);
  if (member === undefined || member.deployStartedAtMs === null) return null;
  if (member.firstHealthyAtMs === null) return null;
  const { deployStartedAtMs, firstHealthyAtMs } = member;
  const diedAtMs = await context.ports.engine
    .diedAt(member.formerId, deployStartedAtMs - CLOCK_STEP_MS)
    .catch(() => null);
  const isWithin =
    diedAtMs !== null &&
    diedAtMs >= deployStartedAtMs - CLOCK_STEP_MS &&
    diedAtMs <= firstHealthyAtMs + CLOCK_STEP_MS;
  return Math.max(0, firstHealthyAtMs - (isWithin ? diedAtMs : deployStartedAtMs));
}
