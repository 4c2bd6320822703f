import type { ServiceConfig } from "../config/config.ts";
import type { ComposeProject, ContainerInspect, ImageInspect } from "../ports.ts";
import type { Digest } from "../values/digest.ts";
import type { ImageReference } from "../values/image-reference.ts";

/** A watched container as it was discovered. */
export interface Member {
  container: string;
  /** Key in the configuration; the container's name where there is none. */
  service: string;
  settings: ServiceConfig | null;
  inspect: ContainerInspect;
  /** The running image, looked up by the container's image id, never by its tag. */
  image: ImageInspect;
  reference: ImageReference;
  /** Digests of the reference's own repository that the running image is known by. */
  runningDigests: readonly Digest[];
  project: ComposeProject | null;
  strategy: "compose" | "engine";
  mode: "auto" | "notify";
  cooldownMs: number;
}

/** Containers that share a reference: the tag that one moves is the tag of all. */
export interface Group {
  reference: ImageReference;
  /** What the reference resolves to in the registry now. */
  candidate: Digest;
  members: readonly [Member, ...Member[]];
}

/** The first member stands for the group where one is enough (candidate tag, progress). */
export function leader(group: Group): Member {
  return group.members[0];
}
