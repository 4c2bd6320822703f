import { IMAGE_GONE } from "../errors.ts";
import { namespaceOwner } from "../policy/namespaces.ts";
import { type RecreateSpec, recreateSpec } from "../policy/recreate-spec.ts";
import type { ContainerInspect, Engine, ImageInspect, JsonObject, Platform } from "../ports.ts";

type RecreationEngine = Pick<
  Engine,
  "info" | "inspectContainer" | "inspectImage" | "inspectNetwork"
>;

/**
 * What to send to the engine so that this container runs another image and is otherwise the same
 * (I9). Throws IMAGE_GONE when an image that it takes is no longer there.
 */
export async function planRecreation(
  container: ContainerInspect,
  target: {
    imageId: string;
    reference: string;
    /** Present ids of the containers whose parts it uses, by what its configuration calls them. */
    parents?: Readonly<Record<string, string>>;
  },
  engine: RecreationEngine,
): Promise<RecreateSpec> {
  const former = await presentOrGone(container.Image, engine);
  const candidate = await presentOrGone(target.imageId, engine);
  return recreateSpec(
    {
      container,
      formerImage: former.Config ?? {},
      candidateImage: candidate.Config ?? {},
      info: await engine.info(),
      networkDrivers: await driversOf(container, engine),
      lost: await lostOwners(container, target.parents ?? {}, engine),
    },
    {
      image: target.reference,
      imageId: target.imageId,
      platform: platformOf(candidate),
      ...(target.parents === undefined ? {} : { parents: target.parents }),
    },
  );
}

async function presentOrGone(imageId: string, engine: RecreationEngine): Promise<ImageInspect> {
  const image = await engine.inspectImage(imageId);
  if (image === null) throw IMAGE_GONE(imageId);
  return image;
}

/** The platform of an image: an emulated container must stay on its own. */
export function platformOf({ Os, Architecture, Variant }: ImageInspect): Platform {
  return { os: Os, architecture: Architecture, variant: Variant ? Variant : null };
}

/** Containers that it was made with and that are neither there nor replaced. */
async function lostOwners(
  { HostConfig }: ContainerInspect,
  parents: Readonly<Record<string, string>>,
  engine: RecreationEngine,
): Promise<string[]> {
  const { NetworkMode, PidMode, IpcMode, VolumesFrom } = HostConfig;
  const lenders = Array.isArray(VolumesFrom)
    ? VolumesFrom.map((entry) => String(entry).split(":", 1)[0] ?? "")
    : [];
  const owners = [NetworkMode, PidMode, IpcMode].flatMap((mode) => namespaceOwner(mode) ?? []);
  const named = [...new Set([...owners, ...lenders])].filter((name) => parents[name] === undefined);
  const found = await Promise.all(named.map((name) => engine.inspectContainer(name)));
  return named.filter((_, index) => found[index] === null);
}

/** On a macvlan a MAC address matters, on a bridge it was made by the engine. */
async function driversOf(
  { NetworkSettings }: ContainerInspect,
  engine: RecreationEngine,
): Promise<Record<string, string>> {
  const names = Object.keys(NetworkSettings.Networks ?? {});
  const drivers = await Promise.all(
    names.map(async (name): Promise<[string, string]> => {
      const network: JsonObject | null = await engine.inspectNetwork(name);
      return [name, typeof network?.Driver === "string" ? network.Driver : "bridge"];
    }),
  );
  return Object.fromEntries(drivers);
}
