/**
 * The invariants (a) to (j) of facts/crash-safety section 5, asked of the engine, the state folder
 * and the ntfy server. A problem is a sentence; no problem means that the update converged.
 */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import type { ContainerInspect } from "../../src/ports.ts";
import { listBackups } from "../../src/state/backups.ts";
import { openState } from "../../src/state/open-state.ts";
import { settingsOf } from "./engine-view.ts";
import type { Stage } from "./stage.ts";

const HEALTHY_MS = 30_000;
const POLL_MS = 100;

/** The world before a fault. */
export interface Before {
  /** By name. */
  containers: Map<string, ContainerInspect>;
  volumes: string[];
  messages: number;
  candidateImageId: string;
}

/** Which image runs, or that a person was called. */
export type End = "former" | "candidate" | "neither" | "given up";

export async function takeBefore(stage: Stage, candidateImageId: string): Promise<Before> {
  return {
    containers: byName(await stage.view.containers()),
    volumes: await stage.view.volumes(),
    messages: (await outcomes(stage)).length,
    candidateImageId,
  };
}

/** Everything that is not as it must be, once all is said to be over. */
export async function findProblems(
  stage: Stage,
  before: Before,
  /** Whether the journal had opened an operation: then exactly one outcome is told. */
  wasBegun: boolean,
  /** A person being asked to look is a right end too, and what is left is then theirs. */
  mayGiveUp: boolean,
): Promise<{ end: End; problems: string[] }> {
  if (mayGiveUp && (await hasGivenUp(stage, before))) {
    return { end: "given up", problems: await volumeProblems(stage, before) };
  }
  const containers = await settled(stage);
  const problems = containerProblems(containers, before, wasBegun);
  const target = containers.get(stage.target);
  if (target === undefined) return { end: "neither", problems };
  const end = endOf(stage, target, before);
  if (end === "neither") problems.push(`(a) ${stage.target} runs ${target.Image}`);
  problems.push(
    ...(await messageProblems(stage, before, wasBegun, end)),
    ...(await volumeProblems(stage, before)),
    ...(await stage.problems(containers)),
    ...(await imageProblems(stage, target)),
  );
  return { end, problems };
}

/** (a), (d), (e), (i): these containers and no others, running, with the settings they had. */
function containerProblems(
  containers: ReadonlyMap<string, ContainerInspect>,
  before: Before,
  wasBegun: boolean,
): string[] {
  const problems: string[] = [];
  for (const name of containers.keys()) {
    // Anchors, parked and temporary containers.
    if (!before.containers.has(name)) problems.push(`(e) ${name} is left`);
  }
  for (const [name, former] of before.containers) {
    const container = containers.get(name);
    if (container === undefined) {
      problems.push(`(a) ${name} is gone`);
      continue;
    }
    if (!isUp(container)) {
      problems.push(`(a) ${name} is ${container.State.Status}, ${container.State.Health?.Status}`);
    }
    if (!wasBegun && container.Id !== former.Id) {
      problems.push(`(a) ${name} was replaced, and no operation was opened`);
    }
    problems.push(...settingsProblems(container, former, containers, before.containers));
  }
  return problems;
}

/** Told once that a person must look. */
async function hasGivenUp(stage: Stage, before: Before): Promise<boolean> {
  const told = (await outcomes(stage)).slice(before.messages);
  return told.length === 1 && told[0]?.tags?.includes("sos") === true;
}

/** Waits until all are healthy: after a restart of the engine it takes a moment. */
async function settled({ view, target }: Stage): Promise<Map<string, ContainerInspect>> {
  const deadlineMs = performance.now() + HEALTHY_MS;
  for (;;) {
    const containers = byName(await view.containers());
    const areUp = containers.has(target) && [...containers.values()].every(isUp);
    if (areUp || performance.now() > deadlineMs) return containers;
    await sleep(POLL_MS);
  }
}

function isUp({ State }: ContainerInspect): boolean {
  const health = State.Health?.Status ?? "none";
  return State.Running && !State.Restarting && ["none", "healthy"].includes(health);
}

function byName(containers: readonly ContainerInspect[]): Map<string, ContainerInspect> {
  return new Map(containers.map((container) => [container.Name.slice(1), container]));
}

function endOf({ target }: Stage, { Image }: ContainerInspect, before: Before): End {
  if (Image === before.containers.get(target)?.Image) return "former";
  return Image === before.candidateImageId ? "candidate" : "neither";
}

/** (b), (h): one outcome, and it says what the engine says. */
async function messageProblems(
  stage: Stage,
  before: Before,
  wasBegun: boolean,
  end: End,
): Promise<string[]> {
  const told = (await outcomes(stage)).slice(before.messages);
  const wanted = wasBegun ? 1 : 0;
  if (told.length !== wanted) {
    return [`(h) ${told.length} outcomes were told: ${told.map(({ message }) => message)}`];
  }
  const [outcome] = told;
  if (outcome === undefined) return [];
  const isSuccess = outcome.tags?.includes("white_check_mark") === true;
  if (outcome.tags?.includes("sos")) return [`(h) the roll back failed: ${outcome.message}`];
  const isTrue = isSuccess === (end === "candidate");
  return isTrue ? [] : [`(b) told ${isSuccess ? "success" : "failure"}, and the ${end} image runs`];
}

/** Success, failure and failed roll back: the events that end an update (I6). */
export async function outcomes({ host }: Stage) {
  const ends = ["white_check_mark", "rotating_light", "sos"];
  return (await host.messages()).filter(({ tags = [] }) => tags.some((tag) => ends.includes(tag)));
}

/** (c): no volume was made or lost. */
async function volumeProblems({ view }: Stage, before: Before): Promise<string[]> {
  const volumes = await view.volumes();
  if (isDeepStrictEqual(before.volumes, volumes)) return [];
  return [`(c) volumes were ${before.volumes}, are ${volumes}`];
}

/** (c): what was written into every volume of a container is there. */
export function markProblems({ Mounts }: ContainerInspect): string[] {
  return (Mounts ?? []).flatMap(({ Source, Destination }) => {
    try {
      if (readFileSync(`${Source}/mark`, "utf8") === "mine\n") return [];
    } catch {
      // Said below.
    }
    return [`(c) the mark in ${Destination} is gone`];
  });
}

/** (d), (i): networks, addresses, ports, environment, labels, limits, restart policy. */
function settingsProblems(
  container: ContainerInspect,
  former: ContainerInspect,
  now: ReadonlyMap<string, ContainerInspect>,
  then: ReadonlyMap<string, ContainerInspect>,
): string[] {
  const [was, is] = [settingsOf(former, then), settingsOf(container, now)];
  return Object.keys({ ...was, ...is }).flatMap((part) =>
    isDeepStrictEqual(was[part], is[part])
      ? []
      : [
          `(d) ${part} of ${container.Name} was ${JSON.stringify(was[part])}, is ${JSON.stringify(is[part])}`,
        ],
  );
}

/** (e), (f): no candidate's tag is left; the reference is what runs; every backup is there. */
async function imageProblems(stage: Stage, container: ContainerInspect): Promise<string[]> {
  const tags = await stage.view.tags();
  const problems = [...tags.keys()]
    .filter((tag) => tag.startsWith("localhost/candidate/"))
    .map((tag) => `(e) ${tag} is left`);
  if (tags.get(container.Config.Image) !== container.Image) {
    problems.push(`(e) the tag ${container.Config.Image} is not what runs`);
  }
  const state = openState(stage.host.state, { check: "schema" });
  const backups = listBackups(state, stage.target);
  state.close();
  for (const { tag, imageId } of backups) {
    if (tags.get(tag) !== imageId) problems.push(`(f) ${tag} is listed and not on the engine`);
  }
  const listed = new Set(backups.map(({ tag }) => tag));
  for (const tag of tags.keys()) {
    if (tag.startsWith("localhost/backup/") && !listed.has(tag)) {
      problems.push(`(f) ${tag} is on the engine and not listed`);
    }
  }
  return problems;
}
