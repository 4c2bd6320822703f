import assert from "node:assert/strict";
import { test } from "node:test";
import { hostOf, isInsecureRegistry } from "./insecure-registry.ts";

test("takes loopback registries as insecure, as the engine does", async () => {
  for (const registry of [
    "127.0.0.1:5000",
    "127.1.2.3",
    "localhost",
    "localhost:5000",
    "[::1]:5",
  ]) {
    assert.equal(await isInsecureRegistry(registry, []), true, registry);
  }
});

test("takes no other registry as insecure unless the engine lists it", async () => {
  for (const registry of ["docker.io", "192.168.1.2:5000", "127.0.0.1.example.org", "[::2]:5000"]) {
    assert.equal(await isInsecureRegistry(registry, []), false, registry);
    assert.equal(await isInsecureRegistry(registry, ["127.0.0.0/8", "::1/128"]), false, registry);
  }
});

test("matches a listed host with exactly its port", async () => {
  const listed = ["Nas.lan:5000"];
  assert.equal(await isInsecureRegistry("nas.lan:5000", listed), true);
  assert.equal(await isInsecureRegistry("nas.lan:5001", listed), false);
  assert.equal(await isInsecureRegistry("nas.lan", listed), false);
});

test("matches addresses inside a listed range", async () => {
  const listed = ["192.168.0.0/16", "fd00::/8", "nonsense/99"];
  assert.equal(await isInsecureRegistry("192.168.7.7:5000", listed), true);
  assert.equal(await isInsecureRegistry("192.169.7.7:5000", listed), false);
  assert.equal(await isInsecureRegistry("[fd12::1]:5000", listed), true);
});

test("finds the host of every form of registry name", () => {
  assert.equal(hostOf("GHCR.io"), "ghcr.io");
  assert.equal(hostOf("a.b:443"), "a.b");
  assert.equal(hostOf("[fd00::1]:5000"), "fd00::1");
});
