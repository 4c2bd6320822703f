import type { ContainerInspect, Engine, JsonObject } from "../ports.ts";
import { namespaceOwner, type Vantage } from "./address.ts";

type Inspector = Pick<Engine, "inspectContainer" | "inspectNetwork">;
/** Networks whose gateway is the engine's host; that of a macvlan is somebody's router. */
const HOST_DRIVERS: ReadonlySet<unknown> = new Set(["bridge", "nat"]);

/**
 * Where this process stands among the engine's containers. `ownContainerId` is what this process
 * knows of itself (null: it runs in no container); an engine that does not know that container
 * runs elsewhere, and so does one behind ssh or behind tcp on another host.
 */
export async function findVantage(
  endpoint: string,
  ownContainerId: string | null,
  engine: Inspector,
): Promise<Vantage> {
  const self = ownContainerId === null ? null : await engine.inspectContainer(ownContainerId);
  if (self !== null) {
    const ownerName = namespaceOwner(self);
    const owner = (ownerName === null ? null : await engine.inspectContainer(ownerName)) ?? self;
    const hostAddresses = await findHostAddresses(owner, engine);
    return { kind: "container", self, network: { owner, hostAddresses } };
  }
  const host = remoteHost(endpoint);
  return host === null ? { kind: "host" } : { kind: "remote", host };
}

async function findHostAddresses(owner: ContainerInspect, engine: Inspector): Promise<string[]> {
  const extraHosts = owner.HostConfig.ExtraHosts;
  const isNamed =
    Array.isArray(extraHosts) &&
    extraHosts.some((entry) => String(entry).startsWith("host.docker.internal"));
  const found = isNamed ? ["host.docker.internal"] : [];
  for (const [name, settings] of Object.entries(owner.NetworkSettings.Networks ?? {})) {
    if (await isHostsNetwork(name, engine)) found.push(...gatewaysOf(settings));
  }
  return found;
}

async function isHostsNetwork(name: string, engine: Inspector): Promise<boolean> {
  try {
    return HOST_DRIVERS.has((await engine.inspectNetwork(name))?.Driver);
  } catch {
    // A socket proxy need not allow it; a gateway that is not the host just does not answer.
    return true;
  }
}

function gatewaysOf({ Gateway, IPv6Gateway }: JsonObject): string[] {
  return [Gateway, IPv6Gateway].filter(
    (address): address is string => typeof address === "string" && address !== "",
  );
}

/** The other machine; null for sockets and loopback. */
function remoteHost(endpoint: string): string | null {
  const url = URL.parse(endpoint);
  if (url === null || !/^(tcp|ssh):$/.test(url.protocol)) return null;
  const host = url.hostname.replace(/^\[|\]$/g, "");
  return /^(|localhost|127(\.\d+){3}|::1)$/.test(host) ? null : host;
}
