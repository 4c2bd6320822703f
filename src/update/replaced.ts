import { isId, isNamed, namespaceOwner, sharedWith } from "../policy/namespaces.ts";
import type { ContainerInspect, Engine } from "../ports.ts";
import type { Operation } from "./operation.ts";
import { imageFor, type MemberPlan, parkedName } from "./plan.ts";

type Looking = Pick<Engine, "inspectContainer">;

/**
 * Whether a member is where the update takes it: another container of its name, on the image that
 * it should have, in the namespaces of what bears its parents' names now, and up if it was.
 */
export async function isReplaced(
  member: MemberPlan,
  operation: Operation,
  engine: Looking,
): Promise<boolean> {
  const present = await engine.inspectContainer(member.container);
  if (present === null || present.Id === member.formerId) return false;
  if (present.Image !== imageFor(member, operation.plan)) return false;
  if (isUp(present) !== member.wasUp) return false;
  return !(await isCutOff(present, member, operation, engine));
}

/** Whether a container refers to a former parent, or to one that bears its name no more. */
export async function isCutOff(
  container: ContainerInspect,
  member: MemberPlan,
  operation: Operation,
  engine: Looking,
): Promise<boolean> {
  const targets = sharedWith(container.HostConfig);
  for (const parent of parentsOf(member, operation)) {
    const present = await engine.inspectContainer(parent.container);
    const parked = parkedName(parent.container, operation.id);
    const isThere = (target: string) =>
      present !== null && isNamed({ id: present.Id, name: parent.container }, target);
    const isTheirs = (target: string) =>
      isThere(target) || target === parked || isNamed({ id: parent.formerId, name: "" }, target);
    if (!targets.filter(isTheirs).every(isThere)) return true;
  }
  // An id that a parent had in between: of a candidate that is gone again. Volumes stay mounted.
  const { NetworkMode, PidMode, IpcMode } = container.HostConfig;
  const owners = [NetworkMode, PidMode, IpcMode].flatMap((mode) => namespaceOwner(mode) ?? []);
  for (const owner of owners) {
    if ((await engine.inspectContainer(owner)) === null) return true;
  }
  return false;
}

/** Ids of the parents as they are now, by what the former container calls them. */
export async function parentIds(
  member: MemberPlan,
  operation: Operation,
  engine: Looking,
): Promise<Record<string, string>> {
  const ids: Record<string, string> = {};
  const called = sharedWith(member.formerInspect.HostConfig).filter(isId);
  for (const { container, formerId } of parentsOf(member, operation)) {
    const present = await engine.inspectContainer(container);
    if (present === null) continue;
    for (const id of called) {
      if (isNamed({ id: formerId, name: container }, id)) ids[id] = present.Id;
    }
  }
  return ids;
}

function parentsOf({ attachedTo }: MemberPlan, { plan }: Operation): MemberPlan[] {
  return plan.members.filter(({ container }) => attachedTo.includes(container));
}

function isUp({ State }: ContainerInspect): boolean {
  return State.Running || State.Restarting;
}
