import assert from "node:assert/strict";
import {
  COMPOSE_CHANGED,
  COMPOSE_CUT_OFF,
  CONTAINER_SUPERSEDED,
  DEPLOY_FAILED,
} from "../errors.ts";
import { isOneOff } from "../policy/compose-project.ts";
import type { ComposeProject, ContainerSummary, Ports } from "../ports.ts";
import { isEngineThere } from "./await-engine.ts";
import { formerPolicy, recreateFormer } from "./deploy-by-engine.ts";
import type { Operation } from "./operation.ts";
import { imageFor, type MemberPlan, membersWithin, replicasOf } from "./plan.ts";
import { isCutOff, isReplaced } from "./replaced.ts";

export type ComposeDeployDeps = Pick<Ports, "engine" | "compose" | "clock">;

/** Pulling is over and nothing is built, so `up` only stops, creates and starts. */
const UP_TIMEOUT_MS = 10 * 60_000;

/** Throws COMPOSE_CHANGED when the files say something else than at the dry run. */
export async function confirmUnedited(
  member: MemberPlan,
  deps: Pick<Ports, "compose">,
): Promise<void> {
  const hash = await deps.compose.configHash(projectOf(member));
  if (hash === null || hash !== member.configHash) throw COMPOSE_CHANGED(member.container);
}

/**
 * Recreates a service with `docker compose up`, and those in its namespaces with it: compose gives
 * them the new id only in the same command. The tag already names the candidate, and the files
 * were just confirmed.
 */
export async function deployByCompose(
  member: MemberPlan,
  operation: Operation,
  deps: ComposeDeployDeps,
): Promise<void> {
  const present = await deps.engine.inspectContainer(member.container);
  // Somebody else's is not ours to replace; one that a parent's `up` made but cut off is.
  const isForeign = present !== null && present.Image !== member.formerImageId;
  if (isForeign || (member.attachedTo.length === 0 && present?.Id !== member.formerId)) {
    throw CONTAINER_SUPERSEDED(member.container);
  }
  const result = await up(member, operation, deps);
  if (result.kind !== "done") {
    // Without an engine nobody tried the candidate, whatever compose makes of that.
    const isTried = result.kind === "refused" && (await isEngineThere(deps));
    throw (isTried ? DEPLOY_FAILED : COMPOSE_CUT_OFF)(member.container, result.why);
  }
  if (member.role === "candidate" || (await isReplaced(member, operation, deps.engine))) return;
  throw DEPLOY_FAILED(member.container, "compose left it in the namespace of a former container");
}

/**
 * Brings the former image back by the same `up`, with the tag at the former id again. Where the
 * files were edited meanwhile or `up` fails, the container is made again from its saved inspect.
 */
export async function putBackByCompose(
  member: MemberPlan,
  operation: Operation,
  deps: ComposeDeployDeps,
): Promise<string[]> {
  const project = projectOf(member);
  const present = await ownContainers(project, member, deps);
  const log = await candidateLog(present, member, operation, deps);
  const former = present.find((container) => container.id === member.formerId);
  const isInPlace = former?.name === member.container && !(await isLost(member, operation, deps));
  for (const each of isInPlace ? [member] : togetherWith(member, operation)) {
    await clearTheWay(each, deps);
  }
  if (isInPlace) {
    await deps.engine.setRestartPolicy(member.formerId, formerPolicy(member));
    if (member.wasUp) await deps.engine.startContainer(member.formerId);
    return log;
  }
  // Where no container is left, `up` would make fresh anonymous volumes; the saved inspect names them.
  const hash = present.length === 0 ? null : await deps.compose.configHash(project);
  if (hash !== null && hash === member.configHash) {
    const result = await up(member, operation, deps);
    if (result.kind === "done" && (await runsFormer(member, operation, deps))) return log;
  }
  for (const container of await ownContainers(project, member, deps)) {
    if (container.imageId === member.formerImageId && container.name === member.container) continue;
    await deps.engine.removeContainer(container.id, { force: true });
  }
  await recreateFormer(member, operation, deps);
  return log;
}

async function up(member: MemberPlan, operation: Operation, deps: ComposeDeployDeps) {
  const services = togetherWith(member, operation).map((each) => projectOf(each).service);
  return await deps.compose.up(projectOf(member), [...new Set(services)], {
    operationId: operation.id,
    timeoutMs: UP_TIMEOUT_MS,
  });
}

/** The replicas of a member's service and those in their namespaces that the same `up` makes again. */
function togetherWith(member: MemberPlan, { plan }: Operation): MemberPlan[] {
  const { project } = projectOf(member);
  const replicas = replicasOf(member, plan);
  const within = replicas
    .flatMap((each) => membersWithin(each, plan))
    .filter((each) => each.strategy === "compose" && each.project?.project === project);
  return [...new Set([...replicas, ...within])];
}

/**
 * Half-renamed containers of an interrupted `up` stand in the way of the next one, which keeps the
 * newest. One that is all there is stays: the next takes its anonymous volumes over.
 */
async function clearTheWay(member: MemberPlan, deps: ComposeDeployDeps): Promise<void> {
  const present = await ownContainers(projectOf(member), member, deps);
  if (!present.some(({ name }) => name === member.container)) return;
  for (const { id, name } of present) {
    if (name !== member.container) await deps.engine.removeContainer(id, { force: true });
  }
}

async function runsFormer(
  member: MemberPlan,
  operation: Operation,
  { engine }: ComposeDeployDeps,
): Promise<boolean> {
  const present = await engine.inspectContainer(member.container);
  if (present === null || !present.State.Running) return false;
  const isTheImage = present.Image === member.formerImageId;
  return isTheImage && !(await isCutOff(present, member, operation, engine));
}

/** The former container, in the namespace of one that is gone: nothing can start it. */
async function isLost(
  member: MemberPlan,
  operation: Operation,
  { engine }: ComposeDeployDeps,
): Promise<boolean> {
  const former = await engine.inspectContainer(member.formerId);
  return former === null || (await isCutOff(former, member, operation, engine));
}

/**
 * The containers of this member, half-renamed ones of an interrupted `up` too: compose knows a
 * container by project, service and number, not by name. A person's `docker compose run` has all
 * three of the service's.
 */
async function ownContainers(
  project: ComposeProject,
  member: MemberPlan,
  deps: ComposeDeployDeps,
): Promise<ContainerSummary[]> {
  const number = member.formerInspect.Config.Labels?.["com.docker.compose.container-number"];
  return (await deps.engine.listContainers()).filter(
    ({ labels }) =>
      !isOneOff(labels) &&
      labels["com.docker.compose.project"] === project.project &&
      labels["com.docker.compose.service"] === project.service &&
      labels["com.docker.compose.container-number"] === number,
  );
}

async function candidateLog(
  present: readonly ContainerSummary[],
  member: MemberPlan,
  operation: Operation,
  deps: ComposeDeployDeps,
): Promise<string[]> {
  // A follower's failed container may be gone already: its last lines are in the evidence.
  if (member.role === "follows") return [];
  const candidate = present.find(({ imageId }) => imageId === imageFor(member, operation.plan));
  return candidate === undefined ? [] : await deps.engine.logTail(candidate.id, 50).catch(() => []);
}

function projectOf(member: MemberPlan): ComposeProject {
  assert(member.project !== null, "a member deployed by compose has a project");
  return member.project;
}
