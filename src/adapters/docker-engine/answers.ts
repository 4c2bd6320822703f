import type {
  ContainerSummary,
  EngineInfo,
  ImageSummary,
  Json,
  JsonObject,
  Platform,
} from "../../ports.ts";

/** The JSON of an answer as an object; throws where it is none. */
export function objectIn(body: Buffer): JsonObject {
  const parsed: unknown = JSON.parse(body.toString("utf8"));
  if (!isObject(parsed)) throw new Error("the engine's answer is not an object");
  return parsed;
}

/** The JSON of an answer as a list of objects; throws where it is none. */
export function listIn(body: Buffer): JsonObject[] {
  const parsed: unknown = JSON.parse(body.toString("utf8"));
  if (!Array.isArray(parsed)) throw new Error("the engine's answer is not a list");
  return parsed.filter(isObject);
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function textOf(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}

/** One row of the container list. */
export function containerSummary(row: JsonObject): ContainerSummary {
  return {
    id: textOf(row.Id),
    name: ownName(textsOf(row.Names)),
    image: textOf(row.Image),
    imageId: textOf(row.ImageID),
    labels: textsByKey(row.Labels),
    state: textOf(row.State),
    status: textOf(row.Status),
    networkMode: isObject(row.HostConfig) ? textOf(row.HostConfig.NetworkMode) : "",
  };
}

/** A container that others link to has `/other/alias` names too. */
function ownName(names: readonly string[]): string {
  const own = names.find((name) => name.lastIndexOf("/") === 0) ?? names[0] ?? "";
  return own.replace(/^\//, "");
}

/** One row of the image list. */
export function imageSummary(row: JsonObject): ImageSummary {
  return {
    id: textOf(row.Id),
    tags: textsOf(row.RepoTags).filter((tag) => tag !== "<none>:<none>"),
    repoDigests: textsOf(row.RepoDigests).filter((digest) => digest !== "<none>@<none>"),
    labels: textsByKey(row.Labels),
    createdMs: Number(row.Created ?? 0) * 1000,
    sizeBytes: Number(row.Size ?? 0),
  };
}

/** `/info` and `/version` as one. */
export function engineInfo(info: JsonObject, version: JsonObject, apiVersion: string): EngineInfo {
  const serverTimeMs = Date.parse(textOf(info.SystemTime));
  return {
    version: textOf(version.Version),
    apiVersion,
    name: textOf(info.Name),
    platform: platformOf(version, info),
    rootFolder: textOf(info.DockerRootDir),
    storageDriver: textOf(info.Driver),
    containerdStore: hasContainerdStore(info),
    defaultRuntime: textOf(info.DefaultRuntime),
    insecureRegistries: insecureRegistries(info),
    serverTimeMs: Number.isNaN(serverTimeMs) ? null : serverTimeMs,
  };
}

/** `/version` has Go's names (amd64); only `/info` has the kernel's, which tell arm variants. */
function platformOf(version: JsonObject, info: JsonObject): Platform {
  const variant = /^armv([5-8])/.exec(textOf(info.Architecture))?.[1];
  const architecture = textOf(version.Arch);
  return {
    os: textOf(version.Os) || textOf(info.OSType),
    architecture,
    variant: architecture === "arm" && variant !== undefined ? `v${variant}` : null,
  };
}

function hasContainerdStore(info: JsonObject): boolean {
  const rows = Array.isArray(info.DriverStatus) ? info.DriverStatus : [];
  return rows.some(
    (row) =>
      Array.isArray(row) && row[0] === "driver-type" && row[1] === "io.containerd.snapshotter.v1",
  );
}

function insecureRegistries(info: JsonObject): string[] {
  const config = isObject(info.RegistryConfig) ? info.RegistryConfig : {};
  const indexes = isObject(config.IndexConfigs) ? config.IndexConfigs : {};
  const named = Object.entries(indexes).flatMap(([name, index]) =>
    isObject(index) && index.Secure === false ? [name] : [],
  );
  return [...named, ...textsOf(config.InsecureRegistryCIDRs)];
}

function textsOf(value: Json | undefined): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

function textsByKey(value: Json | undefined): Record<string, string> {
  if (!isObject(value)) return {};
  return Object.fromEntries(Object.entries(value).map(([key, text]) => [key, textOf(text)]));
}
