/** How often discovery asks registries: counted by fronts before a real one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createClock } from "../../../src/adapters/system/clock.ts";
import { openLab } from "../../lab/open-lab.ts";
import { openRegistryProxy } from "../../lab/registry-proxy.ts";
import { temporaryState } from "../../temporary-state.ts";
import { registryOf } from "../adapters/registry-client.ts";
import { openTokenFront } from "../adapters/token-front.ts";
import { discoverMany, MANY, publishMany } from "./many-containers.ts";

const MANIFEST = /^\/v2\/.+\/manifests\//;

test("200 containers over 60 references cost 60 manifest requests and a token a repository", async () => {
  await using lab = await openLab({ parts: ["registry"] });
  const digest = await publishMany(lab);
  using temporary = temporaryState();
  // Its waits are real: sixty requests at once must not make it wait.
  const registry = registryOf({ clock: createClock(), timeoutMs: 30_000 });
  const parts = { registry, state: temporary.state };

  await using open = await openRegistryProxy();
  const found = await discoverMany(open.host, digest, parts);
  const kinds = found.reports.map(({ outcome }) => outcome.kind);
  assert.deepEqual(new Set(kinds), new Set(["up-to-date"]));
  assert.equal(kinds.length, MANY.containers);
  assert.equal(open.requests.filter(({ path }) => MANIFEST.test(path)).length, MANY.references);
  assert.equal(open.count("HEAD", MANIFEST), MANY.references);

  await using closed = await openTokenFront({ port: 5010, registryUrl: lab.registry.url });
  const again = await discoverMany(closed.host, digest, parts);
  assert.ok(again.reports.every(({ outcome }) => outcome.kind === "up-to-date"));
  const manifests = closed.registryRequests.filter(({ path }) => MANIFEST.test(path));
  assert.equal(manifests.filter(({ isLetIn }) => isLetIn).length, MANY.references);
  // And the one that learns what the registry asks for.
  assert.ok(manifests.length <= MANY.references + 1, `${manifests.length} manifest requests`);
  const tokens = closed.tokenRequests.length;
  assert.ok(tokens <= MANY.repositories, `${tokens} token requests`);
});
