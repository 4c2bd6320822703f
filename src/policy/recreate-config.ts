import type {
  ContainerInspect,
  HealthcheckConfig,
  ImageConfig,
  Json,
  JsonObject,
} from "../ports.ts";

/**
 * The user's part of a container's configuration. Inspect shows the image's defaults and the user's
 * values mixed, as the engine merged them at create; what equals the former image's is taken out,
 * so that the new image's own defaults come in (facts/docker-recreate sections 2 and 3). A user's
 * value that equals the former default cannot be told apart: `removed` names everything taken out.
 */
export interface OwnConfig {
  config: JsonObject;
  removed: string[];
}

/** Belongs to building, or is dangerous to send: a configured MAC address goes to its network. */
const NEVER_SENT = ["ArgsEscaped", "OnBuild", "Shell", "MacAddress"];
const HEALTH_FIELDS = [
  "Test",
  "Interval",
  "Timeout",
  "StartPeriod",
  "StartInterval",
  "Retries",
] as const satisfies ReadonlyArray<keyof HealthcheckConfig>;

export function ownConfig(
  container: ContainerInspect,
  formerImage: ImageConfig,
  hostName: string,
): OwnConfig {
  const config: JsonObject = { ...(container.Config as JsonObject) };
  const image = formerImage as JsonObject;
  const removed: string[] = [];
  const remove = (key: string) => {
    delete config[key];
    removed.push(key);
  };

  for (const key of NEVER_SENT) delete config[key];
  for (const key of ["User", "WorkingDir", "StopSignal"]) {
    if (isText(config[key]) && config[key] === image[key]) remove(key);
  }
  subtractCommand(config, formerImage, remove);
  config.Env = listWithout(config.Env, formerImage.Env, "Env", removed);
  for (const key of ["Labels", "ExposedPorts", "Volumes"]) {
    config[key] = mapWithout(config[key], image[key], key, removed);
  }
  config.Healthcheck = healthWithout(
    container.Config.Healthcheck,
    formerImage.Healthcheck,
    removed,
  );
  for (const key of ["Env", "Labels", "ExposedPorts", "Volumes", "Healthcheck"]) {
    if (config[key] === undefined) delete config[key];
  }
  if (hasMadeUpHostname(container, hostName)) remove("Hostname");
  return { config, removed };
}

/**
 * Entrypoint and Cmd are one pair: the engine takes the image's Cmd only where both are empty, and
 * the image's Entrypoint only where none was sent. `--entrypoint ""` is sent as `[""]` and shown as
 * null (moby daemon/create.go), so null beside an image that has one is a reset.
 */
function subtractCommand(
  config: JsonObject,
  image: ImageConfig,
  remove: (key: string) => void,
): void {
  const hasSameEntrypoint = isSame(config.Entrypoint, image.Entrypoint);
  const hasSameCmd = isSame(config.Cmd, image.Cmd);
  const hasCmd = isList(config.Cmd) && config.Cmd.length > 0;
  if (hasSameEntrypoint && hasSameCmd) {
    if (isList(config.Entrypoint)) remove("Entrypoint");
    if (isList(config.Cmd)) remove("Cmd");
    delete config.Entrypoint;
    delete config.Cmd;
  } else if (hasSameEntrypoint && hasCmd) {
    if (isList(config.Entrypoint)) remove("Entrypoint");
    delete config.Entrypoint;
  } else if (!isList(config.Entrypoint) && (image.Entrypoint?.length ?? 0) > 0) {
    config.Entrypoint = [""];
  }
}

function listWithout(
  own: Json | undefined,
  image: readonly string[] | null | undefined,
  key: string,
  removed: string[],
): Json[] | undefined {
  if (!isList(own)) return undefined;
  const inherited = new Set<Json>(image ?? []);
  for (const entry of own) {
    if (inherited.has(entry)) removed.push(`${key}.${String(entry).split("=", 1)[0]}`);
  }
  return own.filter((entry) => !inherited.has(entry));
}

function mapWithout(
  own: Json | undefined,
  image: Json | undefined,
  key: string,
  removed: string[],
): JsonObject | undefined {
  if (!isMap(own)) return undefined;
  const inherited = isMap(image) ? image : {};
  const kept: JsonObject = {};
  for (const [name, value] of Object.entries(own)) {
    if (Object.hasOwn(inherited, name) && isSame(value, inherited[name])) {
      removed.push(`${key}.${name}`);
    } else {
      kept[name] = value;
    }
  }
  return kept;
}

/** The engine merges a health check field by field; a field of zero is the image's. */
function healthWithout(
  own: HealthcheckConfig | null | undefined,
  image: HealthcheckConfig | null | undefined,
  removed: string[],
): JsonObject | undefined {
  if (own === null || own === undefined) return undefined;
  const kept: JsonObject = { ...(own as JsonObject) };
  for (const field of HEALTH_FIELDS) {
    if (own[field] === undefined || !isSame(own[field], image?.[field])) continue;
    delete kept[field];
    removed.push(`Healthcheck.${field}`);
  }
  return Object.keys(kept).length === 0 ? undefined : kept;
}

/**
 * A hostname that nobody chose: the short id, the host's name where the host's network is used, or
 * one that belongs to the namespace shared with others and must not be sent.
 */
function hasMadeUpHostname(container: ContainerInspect, hostName: string): boolean {
  const { Hostname } = container.Config;
  const { NetworkMode, UTSMode } = container.HostConfig;
  if (!isText(Hostname) || Hostname === "") return false;
  return (
    Hostname === container.Id.slice(0, 12) ||
    (NetworkMode === "host" && Hostname === hostName) ||
    NetworkMode?.startsWith("container:") === true ||
    UTSMode === "host"
  );
}

/** Equal as JSON; absent and null are the same, an empty list is neither. */
function isSame(left: unknown, right: unknown): boolean {
  return JSON.stringify(left ?? null) === JSON.stringify(right ?? null);
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isList(value: Json | undefined): value is Json[] {
  return Array.isArray(value);
}

function isMap(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
