import assert from "node:assert/strict";
import { COMPOSE_CHANGED, DEPLOY_FAILED } from "../errors.ts";
import type { ComposeProject, ContainerSummary, Ports } from "../ports.ts";
import { recreateFormer, sameContainer } from "./deploy-by-engine.ts";
import type { Operation } from "./operation.ts";
import type { MemberPlan } from "./plan.ts";

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
 * Recreates a service with `docker compose up`; the tag already names the candidate, and the files
 * were just confirmed.
 */
export async function deployByCompose(
  member: MemberPlan,
  operation: Operation,
  deps: ComposeDeployDeps,
): Promise<void> {
  const project = projectOf(member);
  const present = await deps.engine.inspectContainer(member.container);
  // A scaled service: `up` for its first container has replaced this one too.
  if (present?.Image === operation.plan.candidateImageId && present.State.Running) return;
  await sameContainer(member, deps);
  const result = await up(project, operation, deps);
  if (result.kind === "failed") throw DEPLOY_FAILED(member.container, result.why);
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
  const log = await candidateLog(present, operation, deps);
  const former = present.find((container) => container.id === member.formerId);
  const isInPlace = former?.name === member.container;
  // Half-renamed containers of an interrupted `up` stand in the way of the next one.
  for (const { id, name } of present) {
    const isInTheWay = id !== member.formerId && (isInPlace || name !== member.container);
    if (isInTheWay) await deps.engine.removeContainer(id, { force: true });
  }
  if (isInPlace) {
    await deps.engine.startContainer(member.formerId);
    return log;
  }
  const hash = await deps.compose.configHash(project);
  if (hash !== null && hash === member.configHash) {
    const result = await up(project, operation, deps);
    if (result.kind === "done" && (await runsFormer(member, deps))) return log;
  }
  for (const container of await ownContainers(project, member, deps)) {
    if (container.imageId === member.formerImageId && container.name === member.container) continue;
    await deps.engine.removeContainer(container.id, { force: true });
  }
  await recreateFormer(member, operation, deps);
  return log;
}

async function up(project: ComposeProject, operation: Operation, deps: ComposeDeployDeps) {
  return await deps.compose.up(project, [project.service], {
    operationId: operation.id,
    timeoutMs: UP_TIMEOUT_MS,
  });
}

async function runsFormer(member: MemberPlan, deps: ComposeDeployDeps): Promise<boolean> {
  const present = await deps.engine.inspectContainer(member.container);
  return present !== null && present.Image === member.formerImageId && present.State.Running;
}

/**
 * The containers of this member, half-renamed ones of an interrupted `up` too: compose knows a
 * container by project, service and number, not by name.
 */
async function ownContainers(
  project: ComposeProject,
  member: MemberPlan,
  deps: ComposeDeployDeps,
): Promise<ContainerSummary[]> {
  const number = member.formerInspect.Config.Labels?.["com.docker.compose.container-number"];
  return (await deps.engine.listContainers()).filter(
    ({ labels }) =>
      labels["com.docker.compose.project"] === project.project &&
      labels["com.docker.compose.service"] === project.service &&
      labels["com.docker.compose.container-number"] === number,
  );
}

async function candidateLog(
  present: readonly ContainerSummary[],
  operation: Operation,
  deps: ComposeDeployDeps,
): Promise<string[]> {
  const candidate = present.find(({ imageId }) => imageId === operation.plan.candidateImageId);
  return candidate === undefined ? [] : await deps.engine.logTail(candidate.id, 50).catch(() => []);
}

function projectOf(member: MemberPlan): ComposeProject {
  assert(member.project !== null, "a member deployed by compose has a project");
  return member.project;
}
