import type { ContainerInspect, EngineInfo, Json, JsonObject } from "../ports.ts";
import { apiAtLeast } from "../values/api-version.ts";

export interface NetworkPlan {
  /** NetworkMode to send. */
  mode: string;
  /** By network name; null where none may be sent. */
  endpoints: Record<string, JsonObject> | null;
  refusals: string[];
}

/** What a user can configure of an endpoint; everything else in inspect is the engine's doing. */
const CONFIGURABLE = ["IPAMConfig", "Links", "Aliases", "DriverOpts", "GwPriority"];
/** Before it inspect adds short id and hostname to the aliases; the engine makes them again. */
const REAL_ALIASES_API = "1.45";
/** Networks whose MAC addresses other machines may know: never generated ones to be changed. */
const OUTER_DRIVERS = ["macvlan", "ipvlan"];

/**
 * The networks of a container as create takes them (facts/docker-recreate section 5).
 * `networkDrivers` tells the driver of each network by name; a network that is not in it counts as
 * a bridge, whose MAC addresses are generated unless configured.
 */
export function planNetworks(
  container: ContainerInspect,
  info: Pick<EngineInfo, "apiVersion">,
  networkDrivers: Readonly<Record<string, string>>,
): NetworkPlan {
  const written = container.HostConfig.NetworkMode ?? "default";
  const isShared = written.startsWith("container:");
  if (isShared || written === "host" || written === "none") {
    return { mode: written, endpoints: null, refusals: [] };
  }
  const attached = container.NetworkSettings.Networks ?? {};
  const names = Object.keys(attached);
  if (names.length === 0) {
    const refusal = `it is attached to no network, though its network mode is ${written}`;
    return { mode: written, endpoints: null, refusals: [refusal] };
  }
  const main = mainNetwork(written, attached);
  const endpoints = Object.fromEntries(
    names.map((name) => [
      name,
      ownEndpoint(container, attached[name] ?? {}, {
        isMain: name === main,
        driver: networkDrivers[name] ?? "bridge",
        showsAliases: !apiAtLeast(info.apiVersion, REAL_ALIASES_API),
      }),
    ]),
  );
  const hasSettings = Object.values(endpoints).some((own) => !Object.values(own).every(isNothing));
  if (written === "default" && names.join() === "bridge" && !hasSettings)
    return { mode: written, endpoints: null, refusals: [] };
  return { mode: main, endpoints, refusals: [] };
}

/**
 * The name under which the network of NetworkMode is attached. The mode may be an id, or name a
 * network that the container was disconnected from since; name and key must be equal in create.
 */
function mainNetwork(mode: string, attached: Record<string, JsonObject>): string {
  const name = mode === "default" ? "bridge" : mode;
  if (Object.hasOwn(attached, name)) return name;
  const names = Object.keys(attached);
  return names.find((each) => attached[each]?.NetworkID === mode) ?? names[0] ?? name;
}

function ownEndpoint(
  container: ContainerInspect,
  endpoint: JsonObject,
  network: { isMain: boolean; driver: string; showsAliases: boolean },
): JsonObject {
  const own: JsonObject = {};
  for (const key of CONFIGURABLE) {
    const value = endpoint[key];
    if (!isUnset(value)) own[key] = value;
  }
  if (Array.isArray(own.Aliases)) {
    const aliases = own.Aliases.filter((alias) => !isMadeUpAlias(alias, container, network));
    if (aliases.length === 0 && own.Aliases.length > 0) delete own.Aliases;
    else own.Aliases = aliases;
  }
  const macAddress = configuredMac(container, endpoint, network);
  if (macAddress !== null) own.MacAddress = macAddress;
  return own;
}

function isMadeUpAlias(
  alias: Json,
  container: ContainerInspect,
  network: { showsAliases: boolean },
): boolean {
  if (alias === container.Id.slice(0, 12)) return true;
  return network.showsAliases && alias === container.Config.Hostname;
}

/**
 * The MAC address that somebody chose. Inspect shows generated ones in the same place; the
 * container's own `Config.MacAddress` is the configured one of its main network.
 */
function configuredMac(
  container: ContainerInspect,
  endpoint: JsonObject,
  network: { isMain: boolean; driver: string },
): string | null {
  const configured = container.Config.MacAddress;
  if (network.isMain && typeof configured === "string" && configured !== "") return configured;
  const shown = endpoint.MacAddress;
  const isOuter = OUTER_DRIVERS.includes(network.driver);
  return isOuter && typeof shown === "string" && shown !== "" ? shown : null;
}

/** Inspect tells an empty object from null, and so does this: it is sent as it was read. */
function isUnset(value: Json | undefined): boolean {
  return value === undefined || value === null || value === 0 || value === "";
}

function isNothing(value: Json | undefined): boolean {
  return isUnset(value) || (typeof value === "object" && Object.keys(value ?? {}).length === 0);
}
