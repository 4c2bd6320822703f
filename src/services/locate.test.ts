import assert from "node:assert/strict";
import { test } from "node:test";
import type { ContainerInspect } from "../ports.ts";
import { endpointOfUrl, locateUrl, parseEndpoint } from "./locate.ts";

test("host and port are read with IPv6, custom and default ports", () => {
  const read = (text: string) => {
    const found = parseEndpoint(text, 53, "udp");
    return found === null ? null : [found.host, found.port];
  };
  assert.deepEqual(read("127.0.0.1:5353"), ["127.0.0.1", 5353]);
  assert.deepEqual(read("pihole"), ["pihole", 53]);
  assert.deepEqual(read("[fd00::2]:5353"), ["fd00::2", 5353]);
  assert.deepEqual(read("[fd00::2]"), ["fd00::2", 53]);
  assert.deepEqual(read("fd00::2"), ["fd00::2", 53]);
  assert.deepEqual(read("::1"), ["::1", 53]);
  for (const bad of ["", "a:b", "a:0", "a:70000", "http://a", "a b"])
    assert.equal(read(bad), null, bad);
  assert.equal(parseEndpoint("app", null, "tcp"), null);
});

test("an address of a URL is host without brackets and the scheme's port", () => {
  assert.deepEqual(endpointOfUrl("https://[fd00::2]/x"), {
    host: "fd00::2",
    port: 443,
    protocol: "tcp",
  });
  assert.deepEqual(endpointOfUrl("http://app:81"), { host: "app", port: 81, protocol: "tcp" });
});

test("a URL that names a container is rewritten to where it can be reached", async () => {
  const trivy = {
    Id: "t",
    Name: "/trivy",
    HostConfig: {},
    NetworkSettings: { Ports: { "8080/tcp": [{ HostIp: "", HostPort: "8083" }] } },
  } as unknown as ContainerInspect;
  const inspectContainer = async (name: string) =>
    name === "trivy" || name === "t" ? trivy : null;
  const deps = { engine: { inspectContainer }, vantage: { kind: "host" } as const };
  assert.equal(await locateUrl("http://trivy:8080", deps), "http://127.0.0.1:8083");
  assert.equal(await locateUrl("http://trivy:8080/base/", deps), "http://127.0.0.1:8083/base/");
  // The engine finds containers by the beginning of an id too: that is no name.
  assert.equal(await locateUrl("http://t:8080", deps), "http://t:8080");
  assert.equal(await locateUrl("https://ntfy.example.org/x", deps), "https://ntfy.example.org/x");
});
