import assert from "node:assert/strict";
import { test } from "node:test";
import type { ContainerInspect, JsonObject } from "../ports.ts";
import { type Address, findAddresses, type Vantage } from "./address.ts";

const HOST: Vantage = { kind: "host" };

function container(
  name: string,
  options: { mode?: string; networks?: Record<string, JsonObject>; ports?: JsonObject } = {},
): ContainerInspect {
  return {
    Id: `id-of-${name}`,
    Name: `/${name}`,
    HostConfig: { NetworkMode: options.mode ?? "bridge" },
    NetworkSettings: { Networks: options.networks ?? {}, Ports: options.ports ?? {} },
  } as unknown as ContainerInspect;
}

function network(id: string, address: string, more: JsonObject = {}): JsonObject {
  return { NetworkID: id, IPAddress: address, GlobalIPv6Address: "", ...more };
}

function inside(
  networks: Record<string, JsonObject>,
  { mode = "bridge", hostAddresses = [] as string[] } = {},
): Vantage {
  const self = container("pratique", { networks, mode });
  return { kind: "container", self, network: { owner: self, hostAddresses } };
}

function placesOf(addresses: readonly Address[]): string[] {
  return addresses.map(({ host, port }) =>
    host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`,
  );
}

function reachNamed(named: ContainerInspect, vantage: Vantage, port = 80): string[] {
  const endpoint = { host: "app", port, protocol: "tcp" as const };
  return placesOf(findAddresses(endpoint, { vantage, named, checked: null }));
}

const onBridge = { web: network("n1", "172.18.0.5", { GlobalIPv6Address: "fd00::5" }) };
const published = { "80/tcp": [{ HostIp: "0.0.0.0", HostPort: "8080" }] };

test("on the host a container on a bridge is reached by its addresses", () => {
  assert.deepEqual(reachNamed(container("app", { networks: onBridge }), HOST), [
    "172.18.0.5:80",
    "[fd00::5]:80",
  ]);
});

test("on the host the published port is tried before the network address", () => {
  const app = container("app", { networks: onBridge, ports: published });
  assert.deepEqual(reachNamed(app, HOST), ["127.0.0.1:8080", "172.18.0.5:80", "[fd00::5]:80"]);
});

test("a port published on one address of the host is asked there", () => {
  const ports = { "80/tcp": [{ HostIp: "192.168.1.2", HostPort: "80" }] };
  assert.deepEqual(reachNamed(container("app", { ports }), HOST), ["192.168.1.2:80"]);
});

test("a port published over IPv6 only is asked over IPv6", () => {
  const ports = { "80/tcp": [{ HostIp: "::", HostPort: "8080" }] };
  assert.deepEqual(reachNamed(container("app", { ports }), HOST), ["[::1]:8080"]);
});

test("a container on the host network is reached by loopback, from a container by the gateway", () => {
  const app = container("app", { mode: "host" });
  assert.deepEqual(reachNamed(app, HOST), ["127.0.0.1:80"]);
  const vantage = inside({ web: network("n1", "172.18.0.9") }, { hostAddresses: ["172.18.0.1"] });
  assert.deepEqual(reachNamed(app, vantage), ["172.18.0.1:80"]);
});

test("a macvlan container is reached by its address from the host and from a container beside it", () => {
  const networks = { lan: network("m1", "192.168.1.53") };
  const app = container("app", { mode: "lan", networks });
  assert.deepEqual(reachNamed(app, HOST), ["192.168.1.53:80"]);
  assert.deepEqual(reachNamed(app, inside({ lan: network("m1", "192.168.1.54") })), [
    "192.168.1.53:80",
  ]);
});

test("from a container a shared network is tried before the published port", () => {
  const app = container("app", { networks: onBridge, ports: published });
  const vantage = inside({ web: network("n1", "172.18.0.9") }, { hostAddresses: ["172.18.0.1"] });
  assert.deepEqual(reachNamed(app, vantage), ["172.18.0.5:80", "[fd00::5]:80", "172.18.0.1:8080"]);
});

test("from a container another network leads nowhere, a published port does", () => {
  const vantage = inside({ other: network("n2", "172.19.0.9") }, { hostAddresses: ["172.19.0.1"] });
  assert.deepEqual(reachNamed(container("app", { networks: onBridge }), vantage), []);
  const app = container("app", { networks: onBridge, ports: published });
  assert.deepEqual(reachNamed(app, vantage), ["172.19.0.1:8080"]);
});

test("from a container a port published on the host's loopback leads nowhere", () => {
  const ports = { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "8080" }] };
  const vantage = inside({ other: network("n2", "172.19.0.9") }, { hostAddresses: ["172.19.0.1"] });
  assert.deepEqual(reachNamed(container("app", { ports }), vantage), []);
  assert.deepEqual(reachNamed(container("app", { ports }), HOST), ["127.0.0.1:8080"]);
});

test("pratique on the host network stands where the host stands", () => {
  const app = container("app", { networks: onBridge, ports: published });
  assert.deepEqual(reachNamed(app, inside({}, { mode: "host" })), reachNamed(app, HOST));
});

test("a container that shares pratique's network namespace is reached by loopback", () => {
  const owner = container("vpn", { networks: onBridge });
  const self = container("pratique", { mode: "container:vpn" });
  const vantage: Vantage = { kind: "container", self, network: { owner, hostAddresses: [] } };
  assert.deepEqual(reachNamed(owner, vantage), ["127.0.0.1:80"]);
});

test("an engine on another machine is reached by what it publishes only", () => {
  const vantage: Vantage = { kind: "remote", host: "nas.lan" };
  const app = container("app", { networks: onBridge, ports: published });
  assert.deepEqual(reachNamed(app, vantage), ["nas.lan:8080"]);
  assert.deepEqual(reachNamed(container("app", { networks: onBridge }), vantage), []);
});

test("loopback means the host, also inside a container", () => {
  const endpoint = { host: "127.0.0.1", port: 53, protocol: "udp" as const };
  const facts = { named: null, checked: null };
  assert.deepEqual(placesOf(findAddresses(endpoint, { ...facts, vantage: HOST })), [
    "127.0.0.1:53",
  ]);
  const vantage = inside({ web: network("n1", "172.18.0.9") }, { hostAddresses: ["172.18.0.1"] });
  assert.deepEqual(placesOf(findAddresses(endpoint, { ...facts, vantage })), ["172.18.0.1:53"]);
  const remote: Vantage = { kind: "remote", host: "nas.lan" };
  assert.deepEqual(placesOf(findAddresses(endpoint, { ...facts, vantage: remote })), [
    "nas.lan:53",
  ]);
});

test("inside a container, a loopback port that the service publishes is found on the shared network", () => {
  const ports = { "53/udp": [{ HostIp: "127.0.0.1", HostPort: "5353" }] };
  const checked = container("app", { networks: onBridge, ports });
  const vantage = inside({ web: network("n1", "172.18.0.9") }, { hostAddresses: ["172.18.0.1"] });
  const endpoint = { host: "localhost", port: 5353, protocol: "udp" as const };
  const places = placesOf(findAddresses(endpoint, { vantage, named: null, checked }));
  assert.deepEqual(places, ["172.18.0.5:53", "[fd00::5]:53", "172.18.0.1:5353"]);
});

test("any other host is taken as it is configured", () => {
  const endpoint = { host: "fd00::7", port: 853, protocol: "tcp" as const };
  const facts = { vantage: HOST, named: null, checked: null };
  assert.deepEqual(placesOf(findAddresses(endpoint, facts)), ["[fd00::7]:853"]);
});
