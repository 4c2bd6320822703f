import { CONTAINER_SUPERSEDED } from "../errors.ts";
import type { VerifiedBackup } from "./back-up.ts";
import type { RunContext } from "./context.ts";
import { confirmUnedited, deployByCompose } from "./deploy-by-compose.ts";
import { deployByEngine } from "./deploy-by-engine.ts";
import type { ApprovedImage } from "./gate.ts";
import { pointTag } from "./image-tags.ts";
import type { Operation } from "./operation.ts";
import { imageFor, type MemberPlan, membersWithin, replicasOf } from "./plan.ts";
import { isReplaced } from "./replaced.ts";

/**
 * Puts the approved image in service for one member, or makes a follower again: the tag moves, the
 * containers in its namespaces stop, it is replaced. Needs the gate's and the backup's proof, so a
 * wrong order does not compile (I2, I4). Throws COMPOSE_CHANGED or CONTAINER_SUPERSEDED before
 * anything is touched.
 */
export async function deploy(
  member: MemberPlan,
  operation: Operation,
  _proofs: { approved: ApprovedImage; backup: VerifiedBackup },
  context: RunContext,
): Promise<void> {
  const { ports } = context;
  // A follower is touched with its parent, a replica with the first of its service: both were
  // looked at then.
  if (member.deployStartedAtMs === null) await begin(member, operation, context);
  await pointTag(member.reference, imageFor(member, operation.plan), ports.engine);
  if (await isReplaced(member, operation, ports.engine)) return;
  if (member.strategy === "compose") await deployByCompose(member, operation, ports);
  else await deployByEngine(member, operation, ports);
}

/** Looks at all that will be touched, says so in the journal, and stops what lives within. */
async function begin(member: MemberPlan, operation: Operation, context: RunContext): Promise<void> {
  const { engine, compose, clock } = context.ports;
  const { plan } = operation;
  const replicas = replicasOf(member, plan);
  const inside = new Set(replicas.flatMap((each) => membersWithin(each, plan)));
  const touched = plan.members.filter(
    (each) => each.deployStartedAtMs === null && (replicas.includes(each) || inside.has(each)),
  );
  for (const each of touched) {
    await confirmUntouched(each, operation, context);
    if (each.strategy === "compose") await confirmUnedited(each, { compose });
  }
  for (const each of touched) each.deployStartedAtMs = clock.now();
  operation.savePlan();
  const within = touched.filter((each) => inside.has(each));
  for (const { formerId } of within.toReversed()) {
    const present = await engine.inspectContainer(formerId);
    if (present === null) continue;
    await engine.setRestartPolicy(formerId, { Name: "no" });
    if (present.State.Running) await engine.stopContainer(formerId);
  }
  // Compose makes them again together with their parent, from what their tags mean.
  for (const each of within) {
    await pointTag(each.reference, imageFor(each, plan), engine);
  }
}

/** Hours may have passed since it was discovered: what somebody did meanwhile is not undone. */
async function confirmUntouched(
  member: MemberPlan,
  { plan }: Operation,
  { ports }: RunContext,
): Promise<void> {
  const { container, formerId, wasUp } = member;
  const present = await ports.engine.inspectContainer(container);
  // Its tag has moved for another member: a person's `up` between the two replaced it too.
  if (member.role === "candidate" && present?.Image === plan.candidateImageId) return;
  const isUp = present !== null && (present.State.Running || present.State.Restarting);
  // PostgreSQL was stopped by its own procedure; a roll back by hand may mend what is down.
  const mayBeDown = plan.kind === "rollback" || plan.postgres !== undefined;
  const isAsItWas = isUp === wasUp || (mayBeDown && wasUp);
  if (present?.Id !== formerId || !isAsItWas) throw CONTAINER_SUPERSEDED(container);
}
