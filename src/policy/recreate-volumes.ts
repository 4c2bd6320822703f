import type { ContainerInspect, ImageConfig, Json, JsonObject } from "../ports.ts";

export interface VolumePlan {
  binds: Json | undefined;
  mounts: JsonObject[];
  /** Paths that hold an anonymous volume. */
  anonymousPaths: string[];
}

/**
 * Binds and mounts with every anonymous volume named: the engine makes a new, empty one for each
 * VOLUME path that nothing is mounted on, which lost data for others (facts/docker-recreate
 * section 6).
 */
export function planVolumes(
  container: ContainerInspect,
  /** Entries of VolumesFrom whose container is gone. */
  lost: readonly string[] = [],
): VolumePlan {
  const { HostConfig, Config } = container;
  const volumes = new Map(
    (container.Mounts ?? []).flatMap((mount) =>
      mount.Type === "volume" && typeof mount.Destination === "string"
        ? [[cleanPath(mount.Destination), mount] as const]
        : [],
    ),
  );
  const binds = textsOf(HostConfig.Binds);
  const named = binds.filter((bind) => bind.includes(":"));
  const mounts = objectsOf(HostConfig.Mounts).map((mount) => withSource(mount, volumes));
  const covered = new Set([
    ...named.map((bind) => cleanPath(bind.split(":")[1] ?? "")),
    ...mounts.map((mount) => cleanPath(String(mount.Target ?? ""))),
  ]);
  const declared = new Set([
    ...Object.keys(Config.Volumes ?? {}).map(cleanPath),
    ...binds.filter((bind) => !bind.includes(":")).map(cleanPath),
  ]);
  // Volumes of another container (VolumesFrom) come with it again; only own paths are named. Where
  // that one is gone, its volumes are still mounted here, and are named instead.
  const isInherited = textsOf(HostConfig.VolumesFrom).length > lost.length;
  const inheritedBinds = lost.length === 0 ? [] : bindsOf(container, covered);
  const anonymous = [...volumes].filter(
    ([path]) => !covered.has(path) && (!isInherited || declared.has(path)),
  );
  return {
    binds:
      isList(HostConfig.Binds) || inheritedBinds.length > 0
        ? [...named, ...inheritedBinds]
        : HostConfig.Binds,
    mounts: [...mounts, ...anonymous.map(([path, mount]) => byName(path, mount))],
    anonymousPaths: anonymous.map(([path]) => path),
  };
}

/** Folders of the host that another container had lent. */
function bindsOf({ Mounts }: ContainerInspect, covered: ReadonlySet<string>): string[] {
  return (Mounts ?? []).flatMap(({ Type, Source, Destination, RW }) => {
    if (Type !== "bind" || typeof Destination !== "string") return [];
    if (covered.has(cleanPath(Destination))) return [];
    return [`${String(Source)}:${Destination}${RW === false ? ":ro" : ""}`];
  });
}

/**
 * Paths where the container keeps an anonymous volume and the candidate has no VOLUME any more:
 * its data may be expected elsewhere now.
 */
export function droppedVolumes(
  plan: VolumePlan,
  formerImage: ImageConfig,
  candidateImage: ImageConfig,
): string[] {
  const former = Object.keys(formerImage.Volumes ?? {}).map(cleanPath);
  const candidate = Object.keys(candidateImage.Volumes ?? {}).map(cleanPath);
  return plan.anonymousPaths.filter((path) => former.includes(path) && !candidate.includes(path));
}

/** `--mount type=volume,target=…` without a source is an anonymous volume too. */
function withSource(mount: JsonObject, volumes: ReadonlyMap<string, JsonObject>): JsonObject {
  const isAnonymous = mount.Type === "volume" && (mount.Source ?? "") === "";
  const present = isAnonymous ? volumes.get(cleanPath(String(mount.Target ?? ""))) : undefined;
  return present === undefined ? mount : { ...mount, Source: present.Name };
}

function byName(path: string, mount: JsonObject): JsonObject {
  const isReadOnly = mount.RW === false;
  return {
    Type: "volume",
    Source: mount.Name,
    Target: path,
    ...(isReadOnly ? { ReadOnly: true } : {}),
  };
}

function cleanPath(path: string): string {
  const cleaned = path.replace(/\/+/g, "/").replace(/\/$/, "");
  return cleaned === "" ? "/" : cleaned;
}

function isList(value: Json | undefined): value is Json[] {
  return Array.isArray(value);
}

function textsOf(value: Json | undefined): string[] {
  return isList(value) ? value.filter((item) => typeof item === "string") : [];
}

function objectsOf(value: Json | undefined): JsonObject[] {
  if (!isList(value)) return [];
  return value.filter(
    (item): item is JsonObject => typeof item === "object" && item !== null && !Array.isArray(item),
  );
}
