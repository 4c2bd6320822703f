import type {
  ContainerInspect,
  EngineInfo,
  ImageConfig,
  Json,
  JsonObject,
  Platform,
} from "../ports.ts";
import { apiAtLeast } from "../values/api-version.ts";
import { isOneOff } from "./compose-project.ts";
import { namespaceOwner } from "./namespaces.ts";
import { ownConfig } from "./recreate-config.ts";
import { planNetworks } from "./recreate-networks.ts";
import { droppedVolumes, planVolumes } from "./recreate-volumes.ts";

export interface RecreateFacts {
  container: ContainerInspect;
  /** Configuration of the image that the container was created from, by its id. */
  formerImage: ImageConfig;
  candidateImage?: ImageConfig;
  info: Pick<EngineInfo, "apiVersion" | "defaultRuntime" | "name">;
  /** Driver of each attached network by name; an unknown one counts as a bridge. */
  networkDrivers?: Readonly<Record<string, string>>;
  /** Containers whose namespaces or volumes it uses and that are gone, as it calls them. */
  lost?: readonly string[];
}

export interface RecreateTarget {
  /** The name as the user wrote it, never an id. */
  image: string;
  /** Id of the image that the name means then; compose's image label follows it. */
  imageId?: string;
  /** Of the image; null lets the engine choose. */
  platform?: Platform | null;
  /** Added to the container's own. */
  labels?: Readonly<Record<string, string>>;
  /** New ids of the containers whose namespaces or volumes this one shares, by former id or name. */
  parents?: Readonly<Record<string, string>>;
}

export interface RecreateSpec {
  /** The container's name, without slash. */
  name: string;
  /** Body of create, with every network in NetworkingConfig.EndpointsConfig. */
  body: JsonObject;
  platform: Platform | null;
  /** Keys of what was taken out because the former image had brought it. */
  removed: readonly string[];
  /** Why it must not be recreated; empty where it may. */
  refusals: readonly string[];
  /** Those among them that hold for compose as well: it takes no volume over that no image names. */
  dropped: readonly string[];
}

/** Read-only, gone from the API, or a file of the client's machine. */
const NEVER_SENT = ["ContainerIDFile", "KernelMemory", "KernelMemoryTCP"];
const COMPOSE_IMAGE_LABEL = "com.docker.compose.image";
const ENDPOINT_SYSCTLS_API = "1.48";
const ENDPOINT_SYSCTLS = "com.docker.network.endpoint.sysctls";
/** `net.ipv4.conf.eth0.log_martians`: belongs to an endpoint from API 1.48 on. */
const INTERFACE_SYSCTL = /^(net\.[^.]+\.[^.]+)\.(eth[0-9]+)\.(.+)$/;
/** The engine refuses these with another container's network (its runconfig/hostconfig.go). */
const NOT_WITH_SHARED_NETWORK = ["Links", "Dns", "ExtraHosts", "PortBindings", "PublishAllPorts"];

/**
 * What to send to the engine so that the same container runs another image: the user's own
 * settings exactly, without what the former image had contributed (facts/docker-recreate sections
 * 2 to 7). Pure: the same function makes the preview, the update and the way back.
 */
export function recreateSpec(facts: RecreateFacts, target: RecreateTarget): RecreateSpec {
  const { container, formerImage, info } = facts;
  const { config, removed } = ownConfig(container, formerImage, info.name);
  const { lost = [] } = facts;
  const lostLenders = lendersOf(container).filter(({ lender }) => lost.includes(lender));
  const volumes = planVolumes(
    container,
    lostLenders.map(({ entry }) => entry),
  );
  const networks = planNetworks(container, info, facts.networkDrivers ?? {});
  const sysctls = planSysctls(container, info.apiVersion, networks.mode, networks.endpoints);
  const dropped = (
    facts.candidateImage ? droppedVolumes(volumes, formerImage, facts.candidateImage) : []
  ).map((path) => `the new image no longer declares the volume ${path}, where its data is`);

  const hostConfig: JsonObject = {
    ...(container.HostConfig as JsonObject),
    Links: readableLinks(container.HostConfig.Links),
    NetworkMode: withParent(sysctls.mode, target.parents),
    IpcMode: withParent(container.HostConfig.IpcMode, target.parents),
    PidMode: withParent(container.HostConfig.PidMode, target.parents),
    VolumesFrom: volumesFrom(container, lost, target.parents),
    Binds: volumes.binds,
    Mounts: volumes.mounts.length === 0 ? container.HostConfig.Mounts : volumes.mounts,
    Sysctls: sysctls.container,
  };
  for (const key of NEVER_SENT) delete hostConfig[key];
  if (hostConfig.Runtime === info.defaultRuntime) delete hostConfig.Runtime;
  // -1 and null mean "not set"; cgroup v2 and Podman refuse the number.
  if ((hostConfig.MemorySwappiness ?? -1) === -1) delete hostConfig.MemorySwappiness;
  if (networks.mode.startsWith("container:")) {
    for (const key of NOT_WITH_SHARED_NETWORK) {
      if (hasContent(hostConfig[key])) delete hostConfig[key];
    }
    delete config.ExposedPorts;
  }

  const body: JsonObject = {
    ...config,
    Image: target.image,
    Labels: labelsFor(config.Labels, container, target),
    HostConfig: hostConfig,
    ...(sysctls.endpoints === null
      ? {}
      : { NetworkingConfig: { EndpointsConfig: sysctls.endpoints } }),
  };
  return {
    name: container.Name.replace(/^\//, ""),
    body,
    platform: target.platform ?? null,
    removed,
    refusals: [
      ...refusalsOf(container),
      ...lostNamespaces(container, lost),
      ...networks.refusals,
      ...sysctls.refusals,
      ...dropped,
    ],
    dropped,
  };
}

/** An empty list is no setting: it is sent as it was read. */
function hasContent(value: Json | undefined): boolean {
  if (typeof value === "object" && value !== null) return Object.keys(value).length > 0;
  return value === true;
}

function refusalsOf(container: ContainerInspect): string[] {
  const labels = container.Config.Labels ?? {};
  const refusals: string[] = [];
  if (container.HostConfig.AutoRemove === true) {
    refusals.push("the engine removes it with its anonymous volumes when it stops (--rm)");
  }
  if (Object.keys(labels).some((label) => label.startsWith("com.docker.swarm."))) {
    refusals.push("it is a Swarm task");
  }
  if (isOneOff(labels)) {
    refusals.push("it is a one-off container of compose, not a service");
  }
  if (labels["com.docker.compose.hook"] !== undefined) {
    refusals.push("it is a hook container of compose, not a service");
  }
  return refusals;
}

function labelsFor(
  own: Json | undefined,
  container: ContainerInspect,
  target: RecreateTarget,
): JsonObject {
  const labels: JsonObject = { ...(own as JsonObject | undefined), ...target.labels };
  const hasImageLabel = container.Config.Labels?.[COMPOSE_IMAGE_LABEL] !== undefined;
  // Compose compares this label with the image's id; a stale one makes its next `up` recreate.
  if (hasImageLabel && target.imageId !== undefined && target.imageId !== container.Image) {
    labels[COMPOSE_IMAGE_LABEL] = target.imageId;
  }
  return labels;
}

/** Inspect shows `/target:/name/alias`; create takes `target:alias`. */
function readableLinks(links: Json | undefined): Json | undefined {
  if (!Array.isArray(links)) return links;
  return links.map((link) => {
    const [target = "", alias = ""] = String(link).split(":");
    return `${target.replace(/^\//, "")}:${alias.split("/").at(-1)}`;
  });
}

function withParent(mode: Json | undefined, parents: RecreateTarget["parents"]): Json | undefined {
  if (typeof mode !== "string" || !mode.startsWith("container:")) return mode;
  const parent = mode.slice("container:".length);
  return `container:${parents?.[parent] ?? parent}`;
}

function volumesFrom(
  container: ContainerInspect,
  lost: readonly string[],
  parents: RecreateTarget["parents"],
): Json | undefined {
  const entries = container.HostConfig.VolumesFrom;
  if (!Array.isArray(entries)) return entries;
  return lendersOf(container)
    .filter(({ lender }) => !lost.includes(lender))
    .map(({ lender, mode }) => [parents?.[lender] ?? lender, ...mode].join(":"));
}

/** `--volumes-from container[:mode]`. */
function lendersOf({ HostConfig }: ContainerInspect) {
  const entries = Array.isArray(HostConfig.VolumesFrom) ? HostConfig.VolumesFrom : [];
  return entries.map((value) => {
    const entry = String(value);
    const [lender = "", ...mode] = entry.split(":");
    return { entry, lender, mode };
  });
}

/** Its namespace died with its owner: it can neither be restarted nor be made again so. */
function lostNamespaces({ HostConfig }: ContainerInspect, lost: readonly string[]): string[] {
  const modes = {
    network: HostConfig.NetworkMode,
    IPC: HostConfig.IpcMode,
    PID: HostConfig.PidMode,
  };
  return Object.entries(modes).flatMap(([kind, mode]) => {
    const owner = namespaceOwner(mode);
    if (owner === null || !lost.includes(owner)) return [];
    return [`it uses the ${kind} namespace of ${owner.slice(0, 12)}, a container that is gone`];
  });
}

/**
 * From API 1.48 on the engine refuses sysctls of an interface in HostConfig. Those of eth0 belong
 * to the network of NetworkMode; which one eth1 belongs to cannot be known.
 */
function planSysctls(
  container: ContainerInspect,
  apiVersion: string,
  mode: string,
  endpoints: Record<string, JsonObject> | null,
): {
  container: Json | undefined;
  mode: string;
  endpoints: Record<string, JsonObject> | null;
  refusals: string[];
} {
  const all = container.HostConfig.Sysctls;
  const hasEndpointSysctls = apiAtLeast(apiVersion, ENDPOINT_SYSCTLS_API);
  if (typeof all !== "object" || all === null || Array.isArray(all) || !hasEndpointSysctls) {
    return { container: all, mode, endpoints, refusals: [] };
  }
  const kept: JsonObject = {};
  const moved: string[] = [];
  const refusals: string[] = [];
  for (const [name, value] of Object.entries(all)) {
    const [, family, device, setting] = INTERFACE_SYSCTL.exec(name) ?? [];
    if (device === undefined) kept[name] = value;
    else if (device === "eth0") moved.push(`${family}.IFNAME.${setting}=${String(value)}`);
    else refusals.push(`the sysctl ${name} belongs to a network that cannot be told`);
  }
  if (moved.length === 0) return { container: kept, mode, endpoints, refusals };
  const main = mode === "default" ? "bridge" : mode;
  const endpoint = endpoints?.[main] ?? {};
  const options = (endpoint.DriverOpts ?? {}) as JsonObject;
  const before = options[ENDPOINT_SYSCTLS];
  const list = [...(typeof before === "string" ? [before] : []), ...moved].join(",");
  const withSysctls = { ...endpoint, DriverOpts: { ...options, [ENDPOINT_SYSCTLS]: list } };
  return {
    container: kept,
    mode: main,
    endpoints: { ...endpoints, [main]: withSysctls },
    refusals,
  };
}
