import assert from "node:assert/strict";
import { test } from "node:test";
import { web } from "./behaviours.ts";
import { openLab } from "./open-lab.ts";
import { openRegistryProxy, type RegistryProxy } from "./registry-proxy.ts";

test("it counts every request and answers what it is told to, as often as it is told to", async () => {
  await using lab = await openLab({ parts: ["registry"] });
  await using proxy = await openRegistryProxy();
  const image = await lab.image("web:1", web("one"));
  const headers = { "Retry-After": "7" };
  proxy.inject({
    method: "HEAD",
    path: /manifests/,
    times: 2,
    action: { kind: "answer", status: 429, headers },
  });
  const limited = await ask(proxy, "HEAD");
  assert.deepEqual([limited.status, limited.headers.get("retry-after")], [429, "7"]);
  assert.equal((await ask(proxy, "GET")).status, 200);
  assert.equal((await ask(proxy, "HEAD")).status, 429);
  assert.equal((await ask(proxy, "HEAD")).headers.get("docker-content-digest"), image.digest);
  const removeFault = proxy.inject({ action: { kind: "answer", status: 500 } });
  removeFault();
  assert.equal((await ask(proxy, "HEAD")).status, 200);
  assert.equal(proxy.count("HEAD", /manifests/), 4);
  assert.equal(proxy.count("GET", /manifests/), 1);
});

test("a cut connection breaks the blob and nothing after it", async () => {
  await using lab = await openLab({ parts: ["engine", "registry"] });
  await using proxy = await openRegistryProxy();
  const image = await lab.image("web:1", { ...web("one"), extraBytes: 200_000 });
  const { layers } = (await (await ask(proxy, "GET")).json()) as { layers: { digest: string }[] };
  const blob = `${proxy.url}/v2/web/blobs/${layers.at(-1)?.digest}`;
  proxy.inject({ path: /blobs/, times: 1, action: { kind: "cut", afterBytes: 100_000 } });
  const received = await sizeUntilBroken(blob);
  assert.deepEqual(received, { sizeBytes: 100_000, isBroken: true });

  await lab.docker(["pull", `${proxy.host}/web:1`]);
  const { stdout } = await lab.docker(["inspect", "--format", "{{.Id}}", `${proxy.host}/web:1`]);
  assert.equal(stdout, image.imageId);
});

test("the digest differs between HEAD and GET when the tag moves in between", async () => {
  await using lab = await openLab({ parts: ["registry"] });
  await using proxy = await openRegistryProxy();
  const first = await lab.image("web:1", web("one"));
  const second = await lab.image("web:2", web("two"));
  proxy.inject({ method: "GET", action: { kind: "redirect", reference: "web:2" } });
  assert.equal((await ask(proxy, "HEAD")).headers.get("docker-content-digest"), first.digest);
  assert.equal((await ask(proxy, "GET")).headers.get("docker-content-digest"), second.digest);
  proxy.reset();
  proxy.inject({ action: { kind: "digest", digest: "sha256:0" } });
  assert.equal((await ask(proxy, "HEAD")).headers.get("docker-content-digest"), "sha256:0");
});

test("it can be late, slow or silent", async () => {
  await using lab = await openLab({ parts: ["registry"] });
  await using proxy = await openRegistryProxy();
  await lab.image("web:1", web("one"));
  const durationMs = async () => {
    const startMs = performance.now();
    await (await ask(proxy, "GET")).arrayBuffer();
    return performance.now() - startMs;
  };
  proxy.inject({ times: 1, action: { kind: "delay", delayMs: 300 } });
  assert.ok((await durationMs()) >= 299);
  proxy.inject({ times: 1, action: { kind: "slow", bytesPerSecond: 2000 } });
  assert.ok((await durationMs()) >= 250); // A manifest has more than 500 bytes.
  proxy.inject({ action: { kind: "hang" } });
  await assert.rejects(ask(proxy, "GET", AbortSignal.timeout(200)), { name: "TimeoutError" });
});

test("it demands credentials where it has some", async () => {
  await using _lab = await openLab({ parts: ["registry"] });
  const credentials = { username: "amy", password: "secret" };
  await using proxy = await openRegistryProxy({ port: 5002, credentials });
  const refused = await fetch(`${proxy.url}/v2/`);
  assert.equal(refused.status, 401);
  assert.match(refused.headers.get("www-authenticate") ?? "", /^Basic /);
  const authorization = `Basic ${btoa("amy:secret")}`;
  assert.equal((await fetch(`${proxy.url}/v2/`, { headers: { authorization } })).status, 200);
});

function ask(proxy: RegistryProxy, method: string, signal?: AbortSignal): Promise<Response> {
  const headers = { accept: "application/vnd.oci.image.manifest.v1+json" };
  const url = `${proxy.url}/v2/web/manifests/1`;
  return fetch(url, { method, headers, ...(signal === undefined ? {} : { signal }) });
}

async function sizeUntilBroken(url: string): Promise<{ sizeBytes: number; isBroken: boolean }> {
  let sizeBytes = 0;
  try {
    const { body } = await fetch(url);
    for await (const chunk of body ?? []) sizeBytes += (chunk as Uint8Array).length;
    return { sizeBytes, isBroken: false };
  } catch {
    return { sizeBytes, isBroken: true };
  }
}
