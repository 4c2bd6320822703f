import assert from "node:assert/strict";
import { test } from "node:test";
import { web } from "../../lab/behaviours.ts";
import { openLab } from "../../lab/open-lab.ts";
import { openRegistryProxy } from "../../lab/registry-proxy.ts";
import { quickClock, reference, registryOf } from "./registry-client.ts";

test("waits as long as Retry-After says, and holds the other requests back as well", async () => {
  await using lab = await openLab({ parts: ["registry"] });
  await using proxy = await openRegistryProxy();
  const image = await lab.image("web:1", web("one"));
  const clock = quickClock();
  const registry = registryOf({ clock });
  const tag = reference(`${proxy.host}/web:1`);
  await registry.resolve(tag);
  proxy.reset();
  const headers = { "retry-after": "7" };
  proxy.inject({ times: 1, action: { kind: "answer", status: 429, headers } });
  const answer = await registry.resolve(tag);
  assert.deepEqual(answer, { kind: "resolved", digest: image.digest });
  assert.equal(Math.round((clock.sleptMs[0] ?? 0) / 100), 70);
  assert.equal(proxy.count("HEAD"), 2);
});

test("says rate-limited with the time that is left where the wait is too long", async () => {
  await using lab = await openLab({ parts: ["registry"] });
  await using proxy = await openRegistryProxy();
  await lab.image("web:1", web("one"));
  const clock = quickClock();
  const registry = registryOf({ clock });
  const tag = reference(`${proxy.host}/web:1`);
  const date = new Date(Date.now() + 600_000).toUTCString();
  const headers = { "retry-after": date };
  proxy.inject({ path: /manifests/, times: 1, action: { kind: "answer", status: 429, headers } });
  const answer = await registry.resolve(tag);
  assert.ok(answer.kind === "rate-limited" && answer.retryAfterMs !== null);
  assert.ok(answer.retryAfterMs > 590_000 && answer.retryAfterMs <= 600_000);
  // Nobody else asks meanwhile: the registry would only limit longer.
  assert.equal((await registry.resolve(tag)).kind, "rate-limited");
  assert.equal(proxy.count("HEAD"), 1);
  assert.deepEqual(clock.sleptMs, []);
  // Later it is asked again.
  await clock.sleep(600_000);
  assert.equal((await registry.resolve(tag)).kind, "resolved");
});

test("waits a minute at most in one operation, however often it is limited", async () => {
  await using lab = await openLab({ parts: ["registry"] });
  await using proxy = await openRegistryProxy();
  await lab.image("web:1", web("one"));
  const clock = quickClock();
  const headers = { "retry-after": "25" };
  proxy.inject({ path: /manifests/, action: { kind: "answer", status: 429, headers } });
  const answer = await registryOf({ clock }).resolve(reference(`${proxy.host}/web:1`));
  assert.equal(answer.kind, "rate-limited");
  assert.ok(clock.sleptMs.reduce((sum, each) => sum + each, 0) <= 60_000);
});

test("asks twice more after server errors and broken connections, then gives up", async () => {
  await using lab = await openLab({ parts: ["registry"] });
  await using proxy = await openRegistryProxy();
  const image = await lab.image("web:1", web("one"));
  const tag = reference(`${proxy.host}/web:1`);
  const clock = quickClock();
  const registry = registryOf({ clock });
  proxy.inject({ path: /manifests/, times: 2, action: { kind: "answer", status: 503 } });
  assert.deepEqual(await registry.resolve(tag), { kind: "resolved", digest: image.digest });
  assert.deepEqual(clock.sleptMs, [500, 2000]);

  proxy.reset();
  proxy.inject({ path: /manifests/, action: { kind: "answer", status: 502 } });
  const down = await registry.resolve(tag);
  assert.deepEqual(down, { kind: "unreachable", registry: proxy.host, why: "it answered 502" });
  assert.equal(proxy.count("HEAD"), 3);
});

test("gives up on a request that is never answered, within its time, and on no other", async () => {
  await using lab = await openLab({ parts: ["registry"] });
  await using proxy = await openRegistryProxy();
  await lab.image("web:1", web("one"));
  await lab.image("other:1", web("other"));
  proxy.inject({ path: /web.manifests/, action: { kind: "hang" } });
  const registry = registryOf({ timeoutMs: 900 });
  const other = reference(`${proxy.host}/other:1`);
  const startedMs = performance.now();
  const [hanging, answered] = await Promise.all([
    registry.resolve(reference(`${proxy.host}/web:1`)),
    registry.resolve(other),
  ]);
  assert.equal(hanging.kind, "unreachable");
  assert.equal(answered.kind, "resolved");
  assert.ok(performance.now() - startedMs < 15_000);
  assert.equal((await registry.resolve(other)).kind, "resolved");
});

test("does not ask again at once where nobody listens", async () => {
  const clock = quickClock();
  const registry = registryOf({ clock });
  const tag = reference("127.0.0.1:59998/web:1");
  assert.equal((await registry.resolve(tag)).kind, "unreachable");
  const tries = clock.sleptMs.length;
  assert.equal((await registry.resolve(tag)).kind, "unreachable");
  assert.equal(clock.sleptMs.length, tries);
});

test("says unreachable where nobody listens, and recovers when somebody does", async () => {
  await using lab = await openLab({ parts: ["registry"] });
  const image = await lab.image("web:1", web("one"));
  const clock = quickClock();
  const registry = registryOf({ clock });
  await lab.registry.stop();
  const answer = await registry.resolve(reference(image.reference));
  assert.equal(answer.kind, "unreachable");
  await lab.registry.start();
  await clock.sleep(10_000);
  assert.equal((await registry.resolve(reference(image.reference))).kind, "resolved");
});

test("stops when it is told to, also while it waits", async () => {
  await using lab = await openLab({ parts: ["registry"] });
  await using proxy = await openRegistryProxy();
  await lab.image("web:1", web("one"));
  proxy.inject({ path: /manifests/, action: { kind: "hang" } });
  const stop = new AbortController();
  const registry = registryOf();
  const tag = reference(`${proxy.host}/web:1`);
  const first = registry.resolve(tag, stop.signal);
  const second = registry.resolve(tag, stop.signal);
  setTimeout(() => stop.abort(new Error("enough")), 200);
  await assert.rejects(first, /enough/);
  await assert.rejects(second, /enough/);
});
