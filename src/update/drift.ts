import pLimit from "p-limit";
import type { RunContext } from "./context.ts";
import { type Follower, type Group, isUp, type Member } from "./group.ts";
import { pointTag } from "./image-tags.ts";
import { replicasOf } from "./plan.ts";
import type { Refusal } from "./refusal.ts";

/** Groups are prepared beside each other, and a dry run may lend the same tag twice. */
const oneAtATime = pLimit(1);

/** Compose's own hash of each service at the time of the dry run, by container. */
export interface ComposeAgreement {
  kind: "agrees";
  hashes: ReadonlyMap<string, string | null>;
  /** Members that go through the engine although compose made them (`deploy.drift: engine`). */
  byEngine: ReadonlySet<string>;
}

/**
 * Whether compose would leave every member alone as things stand. A tag that somebody's `docker
 * pull` moved is first pointed back at what runs (I2), in `--dry-run` for as long as the question
 * takes; then compose's own dry run decides. An edited file is never applied by pratique, and the
 * operator is never told to run `up`.
 */
export async function findDrift(
  group: Group,
  options: { dryRun: boolean },
  context: RunContext,
): Promise<ComposeAgreement | Refusal> {
  const moved = new Map<string, string>();
  if (!options.dryRun) return await askCompose(group, moved, context);
  return await oneAtATime(async () => {
    try {
      return await askCompose(group, moved, context);
    } finally {
      for (const [reference, imageId] of moved) {
        await pointTag(reference, imageId, context.ports.engine);
      }
    }
  });
}

async function askCompose(
  group: Group,
  /** Gets the references whose tags were moved, with the image ids that they named. */
  moved: Map<string, string>,
  context: RunContext,
): Promise<ComposeAgreement | Refusal> {
  const hashes = new Map<string, string | null>();
  const byEngine = new Set<string>();
  const members = [...group.members, ...group.followers];
  for (const member of members) {
    const unsettled = await settleTag(member, moved, context);
    if (unsettled !== null) return unsettled;
    if (member.project === null || member.strategy !== "compose") continue;
    const names = replicasOf<Member | Follower>(member, { members }).map((each) => each.container);
    const replicas = new Set(names);
    const drift = await findMemberDrift(member, replicas, context);
    if (drift !== null && context.config.deploy.drift === "engine" && drift.reason === "drift") {
      for (const container of replicas) byEngine.add(container);
      continue;
    }
    if (drift !== null) return drift;
    const hash = await context.ports.compose.configHash(member.project);
    if (hash === null) {
      const why = `Compose does not say what the configuration of ${member.container} is.`;
      return { kind: "hold", reason: "compose-unreadable", why };
    }
    hashes.set(member.container, hash);
  }
  return { kind: "agrees", hashes, byEngine };
}

/** A tag that the registry knows is pointed back; one that was built here is somebody's work. */
async function settleTag(
  member: Member | Follower,
  moved: Map<string, string>,
  { ports }: RunContext,
): Promise<Refusal | null> {
  const { container, image, inspect } = member;
  const reference = inspect.Config.Image;
  if (!("isWatched" in member) || member.isWatched) {
    const former = await pointTag(reference, image.Id, ports.engine);
    if (former !== null && !moved.has(reference)) moved.set(reference, former);
    return null;
  }
  const named = await ports.engine.inspectImage(reference);
  // One that is stopped is left as it is then (`planUpdate`).
  if (named?.Id === image.Id || !isUp(member)) return null;
  const why = `${container} is recreated with it, but ${reference} no longer means the image that it runs. Recreate it first, or give that image its name back.`;
  return { kind: "hold", reason: "unsupported", why };
}

async function findMemberDrift(
  member: Member | Follower,
  /** It and the others of its service: one dry run is about all of them. */
  replicas: ReadonlySet<string>,
  context: RunContext,
): Promise<Refusal | null> {
  const { compose } = context.ports;
  const { project, container } = member;
  if (project === null) return null;
  const unreadable = await compose.firstUnreadable(project);
  if (unreadable !== null) {
    const why = `${unreadable} of the compose project ${project.project} is not readable here at the same path; mount it so, or set strategy: engine for ${container}.`;
    return { kind: "hold", reason: "compose-unreadable", why };
  }
  const result = await compose.dryRun(project, [project.service]);
  if (result.kind === "no-change") return null;
  if (result.kind === "unreadable") {
    return { kind: "hold", reason: "compose-unreadable", why: result.why };
  }
  if (result.kind === "starts") {
    const others = result.containers.filter((name) => !replicas.has(name)).join(" ");
    // In a crash loop they are as the files say; an update, or the way back, is what mends them.
    if (others === "") return null;
    const why = `\`docker compose up\` of ${container} would start ${others} too, which is down: remove what is over (\`docker rm ${others}\` for what \`docker compose run\` has left), or start it; or set strategy: engine for ${container}.`;
    return { kind: "hold", reason: "drift", why };
  }
  const planned = result.planned.join("; ");
  const why = `The compose files of ${container} differ from what runs (compose plans: ${planned}). Review the difference with \`docker compose config\` and settle it yourself, or revert the files; or set strategy: engine to leave the files out of it.`;
  return { kind: "hold", reason: "drift", why };
}
