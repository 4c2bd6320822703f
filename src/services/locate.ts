import type { ContainerInspect, Engine } from "../ports.ts";
import {
  type Address,
  type Endpoint,
  findAddresses,
  isLoopback,
  namespaceOwner,
  type Vantage,
} from "./address.ts";

export interface LocateDeps {
  engine: Pick<Engine, "inspectContainer">;
  vantage: Vantage;
}

/**
 * Places where this endpoint can be reached from here, best first. `checked` is the container
 * whose service is meant, where there is one.
 */
export async function locate(
  endpoint: Endpoint,
  checked: ContainerInspect | null,
  deps: LocateDeps,
): Promise<Address[]> {
  const [named, owner] = await Promise.all([
    inspectNamed(endpoint.host, checked, deps),
    checked === null ? null : inspectOwner(checked, deps),
  ]);
  return findAddresses(endpoint, { vantage: deps.vantage, named, checked: owner });
}

/**
 * The same address for a program that takes a URL: the host replaced by what can be reached from
 * here. Unchanged where nothing better is known.
 */
export async function locateUrl(url: string, deps: LocateDeps): Promise<string> {
  const parsed = URL.parse(url);
  const endpoint = endpointOfUrl(url);
  if (parsed === null || endpoint === null) return url;
  const [first] = await locate(endpoint, null, deps);
  if (first === undefined || (first.host === endpoint.host && first.port === endpoint.port)) {
    return url;
  }
  parsed.hostname = first.host.includes(":") ? `[${first.host}]` : first.host;
  parsed.port = String(first.port);
  return parsed.href.replace(/\/$/, url.endsWith("/") ? "/" : "");
}

/** Host and port of a URL, brackets removed; null where it is none. */
export function endpointOfUrl(url: string): Endpoint | null {
  const parsed = URL.parse(url);
  if (parsed === null || parsed.hostname === "") return null;
  const defaultPort = parsed.protocol === "https:" ? 443 : 80;
  return {
    host: parsed.hostname.replace(/^\[|\]$/g, ""),
    port: parsed.port === "" ? defaultPort : Number(parsed.port),
    protocol: "tcp",
  };
}

/** Splits `host`, `host:port`, `[v6]:port` and a bare IPv6 address; null where it is none. */
export function parseEndpoint(
  text: string,
  defaultPort: number | null,
  protocol: "tcp" | "udp",
): Endpoint | null {
  const match =
    /^\[([0-9a-f:.]+)\](?::(\d+))?$/i.exec(text) ??
    /^([0-9a-f]*:[0-9a-f:.]*:[0-9a-f:.]*)()$/i.exec(text) ??
    /^([^\s:/]+)(?::(\d+))?$/.exec(text);
  const host = match?.[1];
  const port = Number(match?.[2] ? match[2] : defaultPort);
  if (host === undefined || !(port > 0 && port < 65_536)) return null;
  return { host, port, protocol };
}

async function inspectNamed(
  host: string,
  checked: ContainerInspect | null,
  deps: LocateDeps,
): Promise<ContainerInspect | null> {
  if (isLoopback(host) || /^[\d.]+$|:/.test(host)) return null;
  if (checked?.Name === `/${host}`) return await inspectOwner(checked, deps);
  const found = await deps.engine.inspectContainer(host);
  // The engine also takes beginnings of ids for names.
  return found?.Name === `/${host}` ? await inspectOwner(found, deps) : null;
}

/** A container with `network_mode: container:x` has x's addresses and ports. */
async function inspectOwner(
  container: ContainerInspect,
  deps: LocateDeps,
): Promise<ContainerInspect> {
  const owner = namespaceOwner(container);
  return owner === null ? container : ((await deps.engine.inspectContainer(owner)) ?? container);
}
