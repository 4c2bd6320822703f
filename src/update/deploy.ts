import { CONTAINER_SUPERSEDED } from "../errors.ts";
import type { VerifiedBackup } from "./back-up.ts";
import type { RunContext } from "./context.ts";
import { confirmUnedited, deployByCompose } from "./deploy-by-compose.ts";
import { deployByEngine } from "./deploy-by-engine.ts";
import type { ApprovedImage } from "./gate.ts";
import { pointTag } from "./image-tags.ts";
import type { Operation } from "./operation.ts";
import type { MemberPlan } from "./plan.ts";

/**
 * Puts the approved image in service for one member: the tag moves, the container is replaced.
 * Needs the gate's and the backup's proof, so a wrong order does not compile (I2, I4). Throws
 * COMPOSE_CHANGED or CONTAINER_SUPERSEDED before anything is touched.
 */
export async function deploy(
  member: MemberPlan,
  operation: Operation,
  _proofs: { approved: ApprovedImage; backup: VerifiedBackup },
  context: RunContext,
): Promise<void> {
  await confirmUntouched(member, operation, context);
  if (member.strategy === "compose") await confirmUnedited(member, context.ports);
  member.deployStartedAtMs = context.ports.clock.now();
  operation.savePlan();
  await pointTag(operation.plan.reference, operation.plan.candidateImageId, context.ports.engine);
  if (member.strategy === "compose") await deployByCompose(member, operation, context.ports);
  else await deployByEngine(member, operation, context.ports);
}

/** Hours may have passed since it was discovered: what somebody did meanwhile is not undone. */
async function confirmUntouched(
  { container, formerId }: MemberPlan,
  { plan }: Operation,
  { ports }: RunContext,
): Promise<void> {
  const present = await ports.engine.inspectContainer(container);
  // A scaled service: the `up` of its first container replaced this one too.
  if (present?.Image === plan.candidateImageId) return;
  const isUp = present !== null && (present.State.Running || present.State.Restarting);
  // PostgreSQL was stopped by its own procedure; a roll back by hand may mend what is down.
  const mayBeDown = plan.kind === "rollback" || plan.postgres !== undefined;
  if (present?.Id !== formerId || !(isUp || mayBeDown)) throw CONTAINER_SUPERSEDED(container);
}
