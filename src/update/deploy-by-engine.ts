import { CONTAINER_SUPERSEDED, isError, PORT_TAKEN, RECREATION_REFUSED } from "../errors.ts";
import type { ContainerInspect, Ports, RestartPolicy } from "../ports.ts";
import type { Operation } from "./operation.ts";
import { imageFor, type MemberPlan, parkedName, temporaryName } from "./plan.ts";
import { planRecreation } from "./recreation.ts";
import { isCutOff, parentIds } from "./replaced.ts";

export type EngineDeployDeps = Pick<Ports, "engine" | "clock">;

const START_ATTEMPTS = 5;
const START_PAUSE_MS = 1000;

/**
 * Replaces a container through the Engine API: create beside it, park it, rename both, start. The
 * former container stays, stopped, until commit. Throws when the engine refuses a step; the caller
 * rolls back.
 */
export async function deployByEngine(
  member: MemberPlan,
  operation: Operation,
  deps: EngineDeployDeps,
): Promise<void> {
  const { engine } = deps;
  const former = await sameContainer(member, deps);
  const target = {
    name: temporaryName(member.container, operation.id),
    imageId: imageFor(member, operation.plan),
  };
  const newId = await createFrom(member, target, operation, deps);
  member.newId = newId;
  operation.savePlan();
  await engine.setRestartPolicy(former.Id, { Name: "no" });
  await engine.stopContainer(former.Id);
  await engine.renameContainer(former.Id, parkedName(member.container, operation.id));
  await engine.renameContainer(newId, member.container);
  if (member.wasUp) await startOrRetry(newId, deps);
}

/**
 * Puts the former container back from any half-way point: every step looks at reality first and
 * does nothing where nothing is to be done (facts/crash-safety section 3). Returns the last log
 * lines of the candidate's container.
 */
export async function putBackByEngine(
  member: MemberPlan,
  operation: Operation,
  deps: EngineDeployDeps,
): Promise<string[]> {
  const { engine } = deps;
  const candidateLog = await removeCandidate(member, operation, deps);
  const former = await engine.inspectContainer(member.formerId);
  if (former === null || (await isCutOff(former, member, operation, engine))) {
    await recreateFormer(member, operation, deps);
    return candidateLog;
  }
  if (former.Name !== `/${member.container}`) {
    await freeName(member, deps);
    await engine.renameContainer(member.formerId, member.container);
  }
  await engine.setRestartPolicy(member.formerId, formerPolicy(member));
  if (!former.State.Running && member.wasUp) await startOrRetry(member.formerId, deps);
  return candidateLog;
}

/**
 * Makes the former container again from its saved inspect: the last way back, and the only one for
 * a follower whose parent had to be made again. The former one goes only when the new one is there.
 */
export async function recreateFormer(
  member: MemberPlan,
  operation: Operation,
  deps: EngineDeployDeps,
): Promise<void> {
  const { engine } = deps;
  const existing = await engine.inspectContainer(member.container);
  const isUsable =
    existing?.Image === member.formerImageId &&
    !(await isCutOff(existing, member, operation, engine));
  let id = existing?.Id ?? "";
  if (!isUsable) {
    const name = temporaryName(member.container, operation.id);
    id = await createFrom(member, { name, imageId: member.formerImageId }, operation, deps);
    if (existing !== null) await engine.removeContainer(existing.Id, { force: true });
    // Parked, with the parts of a parent that is gone: nothing could start it.
    await engine.removeContainer(member.formerId, { force: true });
    await engine.renameContainer(id, member.container);
  }
  if (member.wasUp) await startOrRetry(id, deps);
}

/** The container as it was discovered; somebody else's replacement ends the operation. */
async function sameContainer(
  member: MemberPlan,
  deps: EngineDeployDeps,
): Promise<ContainerInspect> {
  const present = await deps.engine.inspectContainer(member.container);
  if (present === null || present.Id !== member.formerId) {
    throw CONTAINER_SUPERSEDED(member.container);
  }
  return present;
}

async function createFrom(
  member: MemberPlan,
  { name, imageId }: { name: string; imageId: string },
  operation: Operation,
  { engine }: EngineDeployDeps,
): Promise<string> {
  const parents = await parentIds(member, operation, engine);
  const target = { imageId, reference: member.reference, parents };
  const spec = await planRecreation(member.formerInspect, target, engine);
  if (spec.refusals.length > 0) throw RECREATION_REFUSED(member.container, spec.refusals);
  const leftover = await engine.inspectContainer(name);
  if (leftover !== null) await engine.removeContainer(leftover.Id, { force: true });
  return await engine.createContainer(name, spec.body, spec.platform);
}

async function removeCandidate(
  member: MemberPlan,
  operation: Operation,
  deps: EngineDeployDeps,
): Promise<string[]> {
  const { engine } = deps;
  const names = [member.newId, temporaryName(member.container, operation.id)];
  for (const name of names) {
    const candidate = name === null ? null : await engine.inspectContainer(name);
    if (candidate === null || candidate.Id === member.formerId) continue;
    const log = await engine.logTail(candidate.Id, 50).catch(() => []);
    await engine.stopContainer(candidate.Id).catch(() => {});
    await engine.removeContainer(candidate.Id, { force: true });
    return log;
  }
  return [];
}

/** The canonical name is somebody else's now: touch nothing, keep the parked container. */
async function freeName(member: MemberPlan, deps: EngineDeployDeps): Promise<void> {
  const holder = await deps.engine.inspectContainer(member.container);
  if (holder !== null && holder.Id !== member.formerId) {
    throw CONTAINER_SUPERSEDED(member.container);
  }
}

/** As it was before it was parked. */
export function formerPolicy(member: MemberPlan): RestartPolicy {
  return member.formerInspect.HostConfig.RestartPolicy ?? { Name: "no" };
}

/** A published port may stay taken for a moment after its container stopped. */
async function startOrRetry(id: string, deps: EngineDeployDeps): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await deps.engine.startContainer(id);
      return;
    } catch (error) {
      if (attempt >= START_ATTEMPTS || !isError(error, PORT_TAKEN)) throw error;
      await deps.clock.sleep(START_PAUSE_MS);
    }
  }
}
