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
 * COMPOSE_CHANGED before anything is touched.
 */
export async function deploy(
  member: MemberPlan,
  operation: Operation,
  _proofs: { approved: ApprovedImage; backup: VerifiedBackup },
  context: RunContext,
): Promise<void> {
  member.deployStartedAtMs = context.ports.clock.now();
  operation.savePlan();
  if (member.strategy === "compose") await confirmUnedited(member, context.ports);
  await pointTag(operation.plan.reference, operation.plan.candidateImageId, context.ports.engine);
  if (member.strategy === "compose") await deployByCompose(member, operation, context.ports);
  else await deployByEngine(member, operation, context.ports);
}
