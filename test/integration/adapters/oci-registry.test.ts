import assert from "node:assert/strict";
import { test } from "node:test";
import type { Platform } from "../../../src/ports.ts";
import type { Digest } from "../../../src/values/digest.ts";
import { web } from "../../lab/behaviours.ts";
import { openLab } from "../../lab/open-lab.ts";
import { openRegistryProxy } from "../../lab/registry-proxy.ts";
import { reference, registryOf } from "./registry-client.ts";

const AMD64: Platform = { os: "linux", architecture: "amd64", variant: null };
const ARM64: Platform = { os: "linux", architecture: "arm64", variant: "v8" };

test("resolves a tag to the digest that the registry has now, with one HEAD", async () => {
  await using lab = await openLab({ parts: ["registry"] });
  await using proxy = await openRegistryProxy();
  const one = await lab.image("web:1", web("one"));
  const two = await lab.image("web:2", web("two"));
  const registry = registryOf();
  const tag = reference(`${proxy.host}/web:1`);

  assert.deepEqual(await registry.resolve(tag), { kind: "resolved", digest: one.digest });
  assert.equal(proxy.count("HEAD", /manifests/), 1);
  assert.equal(proxy.count("GET", /manifests/), 0);

  await lab.registry.moveTag("web:2", "web:1");
  assert.deepEqual(await registry.resolve(tag), { kind: "resolved", digest: two.digest });
});

test("resolves an index to the index's own digest, in either format", async () => {
  await using lab = await openLab({ parts: ["registry"] });
  for (const format of ["oci", "docker"] as const) {
    const spec = { ...web(format), architectures: ["amd64", "arm64"], format };
    const image = await lab.image(`multi:${format}`, spec);
    const answer = await registryOf().resolve(reference(image.reference));
    assert.deepEqual(answer, { kind: "resolved", digest: image.digest });
  }
});

test("reads the manifest and hashes it where the registry names no digest", async () => {
  await using lab = await openLab({ parts: ["registry"] });
  await using proxy = await openRegistryProxy();
  const image = await lab.image("web:1", web("one"));
  const action = { kind: "answer", status: 405 } as const;
  proxy.inject({ method: "HEAD", action });
  const answer = await registryOf().resolve(reference(`${proxy.host}/web:1`));
  assert.deepEqual(answer, { kind: "resolved", digest: image.digest });
  assert.equal(proxy.count("GET", /manifests/), 1);
});

test("says what is wrong where a tag does not resolve", async () => {
  await using lab = await openLab({ parts: ["registry"] });
  await using proxy = await openRegistryProxy();
  await lab.image("web:1", web("one"));
  const registry = registryOf();
  const { host } = proxy;
  const missing = await registry.resolve(reference(`${host}/web:absent`));
  assert.deepEqual(missing, { kind: "not-found", registry: host });

  proxy.inject({ times: 1, path: /manifests/, action: { kind: "digest", digest: "md5:abc" } });
  const odd = await registry.resolve(reference(`${host}/web:1`));
  assert.equal(odd.kind, "unexpected");

  proxy.inject({ times: 1, path: /manifests/, action: { kind: "answer", status: 403 } });
  const forbidden = await registry.resolve(reference(`${host}/web:1`));
  assert.deepEqual(forbidden, { kind: "unauthorised", registry: host, status: 403 });

  proxy.inject({ times: 1, path: /manifests/, action: { kind: "answer", status: 418 } });
  const other = await registry.resolve(reference(`${host}/web:1`));
  assert.deepEqual(other, { kind: "unexpected", registry: host, why: "it answered 418" });
});

test("gives the sizes of the platform's own layers, once each", async () => {
  await using lab = await openLab({ parts: ["registry"] });
  const spec = { ...web("one"), architectures: ["amd64", "arm64"], extraBytes: 50_000 };
  const image = await lab.image("multi:1", spec);
  const registry = registryOf();
  const tag = reference(image.reference);
  const amd64 = await registry.manifest(tag, image.digest as Digest, AMD64);
  const arm64 = await registry.manifest(tag, image.digest as Digest, ARM64);
  assert.ok(amd64.kind === "manifest" && arm64.kind === "manifest");
  assert.equal(amd64.platformDigest, image.manifestDigest);
  assert.equal(amd64.configDigest, image.imageId);
  assert.ok(amd64.downloadBytes > 50_000 && amd64.layers > 0, JSON.stringify(amd64));
  assert.notEqual(arm64.platformDigest, amd64.platformDigest);

  const s390x = { os: "linux", architecture: "s390x", variant: null };
  const none = await registry.manifest(tag, image.digest as Digest, s390x);
  assert.deepEqual(none, { kind: "no-platform", registry: lab.registry.host });
});

test("takes no manifest whose content has another digest than the asked one", async () => {
  await using lab = await openLab({ parts: ["registry"] });
  await using proxy = await openRegistryProxy();
  const one = await lab.image("web:1", web("one"));
  await lab.image("web:2", web("two"));
  proxy.inject({ method: "GET", action: { kind: "redirect", reference: "web:2" } });
  const tag = reference(`${proxy.host}/web:1`);
  const answer = await registryOf().manifest(tag, one.digest as Digest, AMD64);
  assert.equal(answer.kind, "unexpected");
});

test("gives up on a manifest that is cut off or too large", async () => {
  await using lab = await openLab({ parts: ["registry"] });
  await using proxy = await openRegistryProxy();
  const one = await lab.image("web:1", web("one"));
  const tag = reference(`${proxy.host}/web:1`);
  proxy.inject({ method: "GET", path: /manifests/, action: { kind: "cut", afterBytes: 40 } });
  const cut = await registryOf().manifest(tag, one.digest as Digest, AMD64);
  assert.equal(cut.kind, "unreachable");
  assert.equal(proxy.count("GET", /manifests/), 3);

  proxy.reset();
  const body = "x".repeat(4 * 1024 * 1024 + 1);
  proxy.inject({ path: /manifests/, action: { kind: "answer", status: 200, body } });
  const large = await registryOf().manifest(tag, one.digest as Digest, AMD64);
  assert.ok(large.kind === "unexpected");
  assert.match(large.why, /more than \d+ bytes/);
});

test("does not follow redirects without end", async () => {
  await using lab = await openLab({ parts: ["registry"] });
  await using proxy = await openRegistryProxy();
  await lab.image("web:1", web("one"));
  const headers = { location: "/v2/web/manifests/1" };
  proxy.inject({ path: /manifests/, action: { kind: "answer", status: 302, headers } });
  const answer = await registryOf().resolve(reference(`${proxy.host}/web:1`));
  assert.equal(answer.kind, "unexpected");
  assert.equal(proxy.count("HEAD"), 4);
});
