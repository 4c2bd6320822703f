import assert from "node:assert/strict";
import { test } from "node:test";
import type { ContainerInspect } from "../ports.ts";
import { findVantage } from "./vantage.ts";

const NETWORKS = {
  web: { Gateway: "172.18.0.1", IPv6Gateway: "fd00::1" },
  lan: { Gateway: "192.168.1.1", IPv6Gateway: "" },
};
const vpn = {
  Id: "b".repeat(64),
  HostConfig: { NetworkMode: "bridge" },
  NetworkSettings: { Networks: NETWORKS },
} as unknown as ContainerInspect;
const own = {
  Id: "a".repeat(64),
  HostConfig: { NetworkMode: `container:${vpn.Id}` },
} as ContainerInspect;
const engine = {
  inspectContainer: async (id: string) => [own, vpn].find(({ Id }) => Id === id) ?? null,
  inspectNetwork: async (name: string) => ({ Driver: name === "web" ? "bridge" : "macvlan" }),
};

test("a process in a container that the engine knows stands in it, on its network", async () => {
  const network = { owner: vpn, hostAddresses: ["172.18.0.1", "fd00::1"] };
  const inOwn = await findVantage("unix:///var/run/docker.sock", own.Id, engine);
  assert.deepEqual(inOwn, { kind: "container", self: own, network });
  const inVpn = await findVantage("unix:///var/run/docker.sock", vpn.Id, engine);
  assert.deepEqual(inVpn, { kind: "container", self: vpn, network });
});

test("a gateway counts as the host where the socket proxy does not tell the driver", async () => {
  const refusing = { ...engine, inspectNetwork: () => Promise.reject(new Error("403")) };
  const vantage = await findVantage("unix:///var/run/docker.sock", vpn.Id, refusing);
  const found = vantage.kind === "container" ? vantage.network.hostAddresses : [];
  assert.deepEqual(found, ["172.18.0.1", "fd00::1", "192.168.1.1"]);
});

test("without a container of the engine the endpoint tells whether the engine is here", async () => {
  const of = async (endpoint: string) => await findVantage(endpoint, "c".repeat(64), engine);
  assert.deepEqual(await of("unix:///var/run/docker.sock"), { kind: "host" });
  assert.deepEqual(await of("tcp://127.0.0.1:2375"), { kind: "host" });
  assert.deepEqual(await of("tcp://[::1]:2375"), { kind: "host" });
  assert.deepEqual(await of("tcp://nas.lan:2376"), { kind: "remote", host: "nas.lan" });
  assert.deepEqual(await of("ssh://admin@nas.lan"), { kind: "remote", host: "nas.lan" });
});
