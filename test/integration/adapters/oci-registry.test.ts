import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import type { RegistryCredentials } from "../../../src/adapters/oci-registry/credentials.ts";
import { createRegistry } from "../../../src/adapters/oci-registry/registry.ts";
import type { Clock, Platform, Registry } from "../../../src/ports.ts";
import type { Digest } from "../../../src/values/digest.ts";
import type { ImageReference } from "../../../src/values/image-reference.ts";
import { parseImageReference } from "../../../src/values/image-reference.ts";
import { Secret } from "../../../src/values/secret.ts";
import { web } from "../../lab/behaviours.ts";
import { openLab } from "../../lab/open-lab.ts";
import { openRegistryProxy } from "../../lab/registry-proxy.ts";
import { openTokenFront } from "./token-front.ts";

const AMD64: Platform = { os: "linux", architecture: "amd64", variant: null };
const ARM64: Platform = { os: "linux", architecture: "arm64", variant: "v8" };
const ANONYMOUS: RegistryCredentials = { lookup: async () => null };

/** A clock on which sleeping takes no time, and what was slept. */
function quickClock(): Clock & { sleptMs: number[] } {
  let aheadMs = 0;
  const sleptMs: number[] = [];
  return {
    sleptMs,
    now: () => Date.now() + aheadMs,
    monotonicMs: () => performance.now() + aheadMs,
    async sleep(durationMs) {
      aheadMs += durationMs;
      sleptMs.push(durationMs);
    },
  };
}

function registryOf(
  options: { credentials?: RegistryCredentials; clock?: Clock; timeoutMs?: number } = {},
): Registry {
  return createRegistry({
    credentials: options.credentials ?? ANONYMOUS,
    insecureRegistries: [],
    clock: options.clock ?? quickClock(),
    timeoutMs: options.timeoutMs ?? 10_000,
  });
}

function login(username: string, password: string): RegistryCredentials {
  return {
    lookup: async () => ({ kind: "password", username, password: new Secret(password) }),
  };
}

function reference(text: string): ImageReference {
  const parsed = parseImageReference(text);
  assert.ok(parsed, text);
  return parsed;
}

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
  assert.ok(performance.now() - startedMs < 5_000);
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

test("answers a Basic challenge with the registry's own login", async () => {
  await using lab = await openLab({ parts: ["registry"] });
  await using proxy = await openRegistryProxy({
    credentials: { username: "ann", password: "se:cret" },
  });
  const image = await lab.image("web:1", web("one"));
  const tag = reference(`${proxy.host}/web:1`);
  const right = await registryOf({ credentials: login("ann", "se:cret") }).resolve(tag);
  assert.deepEqual(right, { kind: "resolved", digest: image.digest });
  for (const credentials of [login("ann", "wrong"), ANONYMOUS]) {
    const answer = await registryOf({ credentials }).resolve(tag);
    assert.deepEqual(answer, { kind: "unauthorised", registry: proxy.host, status: 401 });
  }
});

test("takes one refusal for the refused repository's own, where there is no login", async () => {
  await using lab = await openLab({ parts: ["registry"] });
  await using proxy = await openRegistryProxy();
  await lab.image("closed:1", web("one"));
  await lab.image("open:1", web("two"));
  const headers = { "www-authenticate": "Basic realm=lab" };
  const action = { kind: "answer", status: 401, headers } as const;
  const heal = proxy.inject({ path: /closed/, action });
  const registry = registryOf();
  const closed = reference(`${proxy.host}/closed:1`);
  const refused = await registry.resolve(closed);
  assert.deepEqual(refused, { kind: "unauthorised", registry: proxy.host, status: 401 });
  assert.equal((await registry.resolve(reference(`${proxy.host}/open:1`))).kind, "resolved");
  heal();
  assert.equal((await registry.resolve(closed)).kind, "resolved");
});

test("fetches one token for a repository and uses it for all requests at once", async () => {
  await using lab = await openLab({ parts: ["registry"] });
  await using front = await openTokenFront({ port: 5010, registryUrl: lab.registry.url });
  const one = await lab.image("team/web:1", web("one"));
  await lab.image("team/web:2", web("two"));
  await lab.image("other:1", web("other"));
  await lab.image("other:2", web("another"));
  const registry = registryOf();
  const ask = (name: string) => registry.resolve(reference(`${front.host}/${name}`));
  const answers = await Promise.all(["team/web:1", "team/web:2", "other:1", "other:2"].map(ask));
  assert.deepEqual(answers[0], { kind: "resolved", digest: one.digest });
  assert.ok(answers.every((answer) => answer.kind === "resolved"));
  const scopes = front.tokenRequests.map(({ query }) => query.get("scope")).sort();
  assert.deepEqual(scopes, ["repository:other:pull", "repository:team/web:pull"]);
  assert.equal(front.tokenRequests[0]?.query.get("service"), "lab");
  // One refusal taught it what the registry wants; nobody else was refused.
  assert.equal(front.registryRequests.filter(({ isLetIn }) => !isLetIn).length, 1);
  assert.ok((await ask("team/web:2")).kind === "resolved");
  assert.equal(front.tokenRequests.length, 2);
});

test("fetches a new token when the old one has expired or was revoked", async () => {
  await using lab = await openLab({ parts: ["registry"] });
  await using front = await openTokenFront({
    port: 5010,
    registryUrl: lab.registry.url,
    expiresInSeconds: 300,
  });
  await lab.image("web:1", web("one"));
  const clock = quickClock();
  const registry = registryOf({ clock });
  const tag = reference(`${front.host}/web:1`);
  await registry.resolve(tag);
  await clock.sleep(200_000);
  await registry.resolve(tag);
  assert.equal(front.tokenRequests.length, 1);
  await clock.sleep(95_000);
  assert.equal((await registry.resolve(tag)).kind, "resolved");
  assert.equal(front.tokenRequests.length, 2);
  front.revokeTokens();
  assert.equal((await registry.resolve(tag)).kind, "resolved");
  assert.equal(front.tokenRequests.length, 3);
});

test("shows the token service the login or the identity token", async () => {
  await using lab = await openLab({ parts: ["registry"] });
  await lab.image("web:1", web("one"));
  const registryUrl = lab.registry.url;
  {
    const credentials = { username: "ann", password: "secret" };
    await using front = await openTokenFront({ port: 5010, registryUrl, credentials });
    const tag = reference(`${front.host}/web:1`);
    const right = await registryOf({ credentials: login("ann", "secret") }).resolve(tag);
    assert.equal(right.kind, "resolved");
    const wrong = await registryOf({ credentials: login("ann", "wrong") }).resolve(tag);
    assert.deepEqual(wrong, { kind: "unauthorised", registry: front.host, status: 401 });
  }
  const credentials = { refreshToken: "refresh" };
  await using front = await openTokenFront({ port: 5011, registryUrl, credentials });
  const token = { kind: "identity-token", token: new Secret("refresh") } as const;
  const registry = registryOf({ credentials: { lookup: async () => token } });
  const answer = await registry.resolve(reference(`${front.host}/web:1`));
  assert.equal(answer.kind, "resolved");
  assert.equal(front.tokenRequests[0]?.query.get("grant_type"), "refresh_token");
});

test("uses one token for all repositories where the registry has one scope", async () => {
  await using lab = await openLab({ parts: ["registry"] });
  const registryUrl = lab.registry.url;
  await using front = await openTokenFront({ port: 5010, registryUrl, scope: "aws" });
  await lab.image("web:1", web("one"));
  await lab.image("other:1", web("other"));
  const registry = registryOf();
  for (const name of ["web:1", "other:1"]) {
    assert.equal((await registry.resolve(reference(`${front.host}/${name}`))).kind, "resolved");
  }
  assert.equal(front.tokenRequests.length, 1);
});

test("drops the login where a redirect leads to another host", async () => {
  await using lab = await openLab({ parts: ["registry"] });
  await using proxy = await openRegistryProxy({
    credentials: { username: "ann", password: "secret" },
  });
  const image = await lab.image("web:1", web("one"));
  const seen: (string | undefined)[] = [];
  const elsewhere = createServer((incoming, outgoing) => {
    seen.push(incoming.headers.authorization);
    outgoing.writeHead(200, { "docker-content-digest": image.digest }).end();
  }).unref();
  await new Promise<void>((resolve) => elsewhere.listen(5020, "127.0.0.1", resolve));
  const registry = registryOf({ credentials: login("ann", "secret") });
  const tag = reference(`${proxy.host}/web:1`);
  await registry.resolve(tag);
  const location = "http://127.0.0.1:5020/v2/web/manifests/1";
  proxy.inject({
    path: /manifests/,
    action: { kind: "answer", status: 307, headers: { location } },
  });
  const answer = await registry.resolve(tag);
  assert.deepEqual(answer, { kind: "resolved", digest: image.digest });
  assert.match(proxy.requests.at(-1)?.headers.authorization ?? "", /^Basic /);
  assert.deepEqual(seen, [undefined]);
  elsewhere.close();
  elsewhere.closeAllConnections();
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

test("sends no login to a token service that is not the https of a secure registry", async () => {
  const clock = quickClock();
  let asked = 0;
  const service = createServer((_, outgoing) => {
    asked += 1;
    outgoing.end('{"token":"x"}');
  }).unref();
  await new Promise<void>((resolve) => service.listen(5030, "127.0.0.1", resolve));
  const { createAuthorizer } = await import("../../../src/adapters/oci-registry/authorizer.ts");
  const { createHttpClient } = await import("../../../src/adapters/oci-registry/http-client.ts");
  const { createPatientSender } = await import(
    "../../../src/adapters/oci-registry/patient-sender.ts"
  );
  const registry = "registry.example";
  const http = createHttpClient({ timeoutMs: 1_000 });
  const sender = createPatientSender({ registry, http, clock });
  const deps = { registry, credentials: login("ann", "secret"), sender, clock };
  const realm = "http://127.0.0.1:5030/token";
  const secure = createAuthorizer({ ...deps, isPlainHttp: () => false });
  secure.learn({ scheme: "bearer", realm, service: null, scope: null }, "web");
  assert.equal((await secure.authorize("web"))?.kind, "unexpected");
  assert.equal(asked, 0);
  const insecure = createAuthorizer({ ...deps, isPlainHttp: () => true });
  insecure.learn({ scheme: "bearer", realm, service: null, scope: null }, "web");
  assert.equal((await insecure.authorize("web"))?.kind, "authorization");
  service.close();
  service.closeAllConnections();
});
