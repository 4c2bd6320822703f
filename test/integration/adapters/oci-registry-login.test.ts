import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { Secret } from "../../../src/values/secret.ts";
import { web } from "../../lab/behaviours.ts";
import { openLab } from "../../lab/open-lab.ts";
import { openRegistryProxy } from "../../lab/registry-proxy.ts";
import { ANONYMOUS, login, quickClock, reference, registryOf } from "./registry-client.ts";
import { openTokenFront } from "./token-front.ts";

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
  await using front = await openTokenFront({ port: 5010, registryUrl, scope: () => "aws" });
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

test("asks for the scope that the registry names, also where it follows a rule of its own", async () => {
  await using lab = await openLab({ parts: ["registry"] });
  await using front = await openTokenFront({
    port: 5010,
    registryUrl: lab.registry.url,
    scope: (repository) => `repository:mirror/${repository}:pull`,
  });
  await lab.image("web:1", web("one"));
  await lab.image("other:1", web("other"));
  const registry = registryOf();
  for (const name of ["web:1", "other:1", "web:1"]) {
    assert.equal((await registry.resolve(reference(`${front.host}/${name}`))).kind, "resolved");
  }
});
