import type { ServiceConfig } from "../config/config.ts";
import type { ComposeProject, ContainerInspect, Engine, ImageInspect } from "../ports.ts";
import type { Digest } from "../values/digest.ts";
import type { ImageReference } from "../values/image-reference.ts";

/** A container that an operation replaces, as it was discovered. */
interface Replaced {
  container: string;
  /** Key in the configuration; the container's name where there is none. */
  service: string;
  settings: ServiceConfig | null;
  inspect: ContainerInspect;
  /** The running image, looked up by the container's image id, never by its tag. */
  image: ImageInspect;
  /** Digests of the reference's own repository that the running image is known by. */
  runningDigests: readonly Digest[];
  project: ComposeProject | null;
  strategy: "compose" | "engine";
}

/** A watched container that has a candidate. */
export interface Member extends Replaced {
  reference: ImageReference;
  mode: "auto" | "notify";
  cooldownMs: number;
}

/** A container in a member's namespaces: recreated with it, on the image that it has. */
export interface Follower extends Replaced {
  /** Its tag may be pointed back at what it runs: the registry has whatever it means else. */
  isWatched: boolean;
}

/** Containers that share a reference: the tag that one moves is the tag of all. */
export interface Group {
  reference: ImageReference;
  /** What the reference resolves to in the registry now. */
  candidate: Digest;
  members: readonly [Member, ...Member[]];
  /** Everything in their namespaces, children of children too. */
  followers: readonly Follower[];
}

/**
 * The same group, with the containers that an earlier update of this run recreated as they are
 * now: a child that follows its parent and then has a candidate of its own.
 */
export async function asTheyAreNow(
  group: Group,
  touched: ReadonlySet<string>,
  engine: Pick<Engine, "inspectContainer" | "inspectImage">,
): Promise<Group> {
  const [first, ...others] = group.members;
  return {
    ...group,
    members: [await asItIsNow(first), ...(await Promise.all(others.map(asItIsNow)))],
    followers: await Promise.all(group.followers.map(asItIsNow)),
  };

  async function asItIsNow<Each extends Replaced>(each: Each): Promise<Each> {
    const inspect = touched.has(each.container)
      ? await engine.inspectContainer(each.container)
      : null;
    if (inspect === null) return each;
    return { ...each, inspect, image: (await engine.inspectImage(inspect.Image)) ?? each.image };
  }
}

/** Whether it is up; one that is not is never started. */
export function isUp({ inspect }: Pick<Replaced, "inspect">): boolean {
  return inspect.State.Running || inspect.State.Restarting;
}

/** The first member stands for the group where one is enough (candidate tag, progress). */
export function leader(group: Group): Member {
  return group.members[0];
}
