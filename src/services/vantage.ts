import type { Engine } from "../ports.ts";
import { namespaceOwner, type Vantage } from "./address.ts";

/**
 * Where this process stands among the engine's containers. `ownContainerId` is what this process
 * knows of itself (null: it runs in no container); an engine that does not know that container
 * runs elsewhere, and so does one behind ssh or behind tcp on another host.
 */
export async function findVantage(
  endpoint: string,
  ownContainerId: string | null,
  engine: Pick<Engine, "inspectContainer">,
): Promise<Vantage> {
  const self = ownContainerId === null ? null : await engine.inspectContainer(ownContainerId);
  if (self !== null) {
    const owner = namespaceOwner(self);
    const network = owner === null ? null : await engine.inspectContainer(owner);
    return { kind: "container", self, network: network ?? self };
  }
  const host = remoteHost(endpoint);
  return host === null ? { kind: "host" } : { kind: "remote", host };
}

/** The other machine; null for sockets and loopback. */
function remoteHost(endpoint: string): string | null {
  const url = URL.parse(endpoint);
  if (url === null || !/^(tcp|ssh):$/.test(url.protocol)) return null;
  const host = url.hostname.replace(/^\[|\]$/g, "");
  return /^(|localhost|127(\.\d+){3}|::1)$/.test(host) ? null : host;
}
