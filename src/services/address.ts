/**
 * Where to reach a container. One configuration works on the host and inside a container: what
 * the operator names (a container, or loopback for the host) is turned into what this process can
 * connect to. Pure: the caller inspects.
 */
import type { ContainerInspect, JsonObject } from "../ports.ts";

/** Where this process stands. */
export type Vantage =
  | { kind: "host" }
  /** In a container of the same engine. */
  | { kind: "container"; self: ContainerInspect; network: OwnNetwork }
  /** The engine runs on another machine: only what is published there can be reached. */
  | { kind: "remote"; host: string };

/** The network namespace of this process. */
export interface OwnNetwork {
  /** The container it belongs to: mostly this process's own. */
  owner: ContainerInspect;
  /** Addresses under which the engine's host is seen from it. */
  hostAddresses: readonly string[];
}

export interface Endpoint {
  host: string;
  port: number;
  protocol: "tcp" | "udp";
}

/** One place to try, and how it was found: it stands in the evidence. */
export interface Address {
  host: string;
  port: number;
  via: string;
  /** Found through the engine or on loopback: whose it is, no certificate need prove. */
  isLocal: boolean;
}

export interface AddressFacts {
  vantage: Vantage;
  /** The container that the endpoint's host names (or its namespace owner); null: none does. */
  named: ContainerInspect | null;
  /** The container under check (or its namespace owner): its ports give loopback a meaning. */
  checked: ContainerInspect | null;
}

/**
 * Places to try, best first; empty where nothing is known to lead there. A host that is neither a
 * container nor loopback is taken as it is.
 */
export function findAddresses(endpoint: Endpoint, given: AddressFacts): Address[] {
  const facts = { ...given, vantage: standpoint(given.vantage) };
  const isLocal = facts.named !== null || isLoopback(endpoint.host);
  return placesOf(endpoint, facts).map((place) => ({ ...place, isLocal }));
}

type Place = Omit<Address, "isLocal">;

function placesOf(endpoint: Endpoint, facts: AddressFacts): Place[] {
  if (facts.named !== null) return addressesOf(endpoint, facts.named, facts.vantage);
  if (isLoopback(endpoint.host)) return addressesOfHost(endpoint, facts);
  return [{ host: endpoint.host, port: endpoint.port, via: "as configured" }];
}

/** Whether a host means this machine itself. */
export function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|::1|0:0:0:0:0:0:0:1)$/i.test(host);
}

/** The container's whose network namespace this one uses, as the engine names it; null: its own. */
export function namespaceOwner(container: ContainerInspect): string | null {
  return /^container:(.+)$/.exec(container.HostConfig.NetworkMode ?? "")?.[1] ?? null;
}

// ---------------------------------------------------------------- a container

function addressesOf(endpoint: Endpoint, container: ContainerInspect, vantage: Vantage): Place[] {
  if (isOnHostNetwork(container)) {
    return hostAddresses(vantage, endpoint.port, "its host network");
  }
  const published = publishedPorts(container, endpoint.port, endpoint.protocol).flatMap((binding) =>
    addressesOfBinding(binding, vantage),
  );
  const direct = networkAddresses(container, vantage, endpoint.port);
  // From the host the published port is what people use; inside a container the shared network
  // is the shorter way and needs no published port.
  return vantage.kind === "container" ? [...direct, ...published] : [...published, ...direct];
}

function networkAddresses(container: ContainerInspect, vantage: Vantage, port: number): Place[] {
  if (vantage.kind === "remote") return [];
  if (vantage.kind === "container" && vantage.network.owner.Id === container.Id) {
    return [{ host: "127.0.0.1", port, via: "the shared network namespace" }];
  }
  const own = vantage.kind === "container" ? networkIds(vantage.network.owner) : null;
  return networksOf(container)
    .filter(({ id }) => own === null || own.has(id))
    .flatMap(({ name, settings }) =>
      [text(settings.IPAddress), text(settings.GlobalIPv6Address)]
        .filter((address) => address !== "")
        .map((host) => ({ host, port, via: `network ${name}` })),
    );
}

interface Binding {
  hostIp: string;
  hostPort: number;
}

function publishedPorts(
  container: ContainerInspect,
  port: number,
  protocol: "tcp" | "udp",
): Binding[] {
  const ports = container.NetworkSettings.Ports as JsonObject | null | undefined;
  const bindings = ports?.[`${port}/${protocol}`];
  if (!Array.isArray(bindings)) return [];
  return bindings.flatMap((binding) => {
    const { HostIp, HostPort } = binding as JsonObject;
    const hostPort = Number(text(HostPort));
    return hostPort > 0 ? [{ hostIp: text(HostIp), hostPort }] : [];
  });
}

function addressesOfBinding({ hostIp, hostPort }: Binding, vantage: Vantage): Place[] {
  const isWild = hostIp === "" || hostIp === "0.0.0.0" || hostIp === "::";
  const via = `published port ${hostPort}`;
  if (isWild) {
    const places = hostAddresses(vantage, hostPort, via);
    const isSix = hostIp === "::";
    return places.map((place) =>
      isSix && place.host === "127.0.0.1" ? { ...place, host: "::1" } : place,
    );
  }
  // A port that is bound to loopback of the host can be reached from the host only.
  if (isLoopback(hostIp)) {
    return vantage.kind === "host" ? [{ host: hostIp, port: hostPort, via }] : [];
  }
  return [{ host: hostIp, port: hostPort, via }];
}

// ---------------------------------------------------------------- the host

function addressesOfHost(endpoint: Endpoint, { vantage, checked }: AddressFacts): Place[] {
  if (vantage.kind === "host") {
    return [{ host: endpoint.host, port: endpoint.port, via: "as configured" }];
  }
  const mapped = checked === null ? null : containerPortOf(checked, endpoint);
  const direct =
    checked === null || mapped === null ? [] : networkAddresses(checked, vantage, mapped);
  return [...direct, ...hostAddresses(vantage, endpoint.port, "the host")];
}

/** Whether a loopback endpoint is a port that this container publishes on the host. */
export function publishes(container: ContainerInspect, endpoint: Endpoint): boolean {
  return isLoopback(endpoint.host) && containerPortOf(container, endpoint) !== null;
}

/** The port inside the container that is published as this port of the host. */
function containerPortOf(container: ContainerInspect, endpoint: Endpoint): number | null {
  const ports = (container.NetworkSettings.Ports ?? {}) as JsonObject;
  for (const key of Object.keys(ports)) {
    const [port, protocol] = key.split("/");
    if (protocol !== endpoint.protocol) continue;
    const bindings = publishedPorts(container, Number(port), endpoint.protocol);
    if (bindings.some(({ hostPort }) => hostPort === endpoint.port)) return Number(port);
  }
  return null;
}

/** Ways from here to a port of the engine's host. */
function hostAddresses(vantage: Vantage, port: number, via: string): Place[] {
  if (vantage.kind === "remote") return [{ host: vantage.host, port, via }];
  if (vantage.kind === "host") return [{ host: "127.0.0.1", port, via }];
  const places = vantage.network.hostAddresses;
  return places.map((host) => ({ host, port, via: `${via} through ${host}` }));
}

/** A container on the host network stands where the host stands. */
function standpoint(vantage: Vantage): Vantage {
  return vantage.kind === "container" && isOnHostNetwork(vantage.network.owner)
    ? { kind: "host" }
    : vantage;
}

function isOnHostNetwork(container: ContainerInspect): boolean {
  return container.HostConfig.NetworkMode === "host";
}

function networksOf(
  container: ContainerInspect,
): { name: string; id: string; settings: JsonObject }[] {
  return Object.entries(container.NetworkSettings.Networks ?? {}).map(([name, settings]) => ({
    name,
    id: text(settings.NetworkID),
    settings,
  }));
}

function networkIds(container: ContainerInspect): ReadonlySet<string> {
  return new Set(networksOf(container).map(({ id }) => id));
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
