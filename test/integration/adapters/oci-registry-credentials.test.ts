import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { inspect } from "node:util";
import { createEngine } from "../../../src/adapters/docker-engine/create-engine.ts";
import type { RegistryCredentials } from "../../../src/adapters/oci-registry/credentials.ts";
import { createCredentials } from "../../../src/adapters/oci-registry/credentials.ts";
import { createRegistry } from "../../../src/adapters/oci-registry/registry.ts";
import { engineLogin } from "../../../src/adapters/oci-registry/registry-login.ts";
import { createClock } from "../../../src/adapters/system/clock.ts";
import { isError, REGISTRY_CREDENTIALS } from "../../../src/errors.ts";
import type { Digest } from "../../../src/values/digest.ts";
import { parseImageReference } from "../../../src/values/image-reference.ts";
import { web } from "../../lab/behaviours.ts";
import { openLab } from "../../lab/open-lab.ts";
import { openRegistryProxy } from "../../lab/registry-proxy.ts";

interface Home {
  credentials: RegistryCredentials;
  /** What the helper was asked, one a line. */
  folder: string;
  bin: string;
}

/** A DOCKER_CONFIG folder, and credential helpers as shell scripts on a PATH of their own. */
function homeWith(
  context: TestContext,
  config: unknown,
  helpers: Record<string, string> = {},
): Home {
  const folder = mkdtempSync(join(tmpdir(), "pratique-login-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const bin = join(folder, "bin");
  mkdirSync(bin);
  const text = typeof config === "string" ? config : JSON.stringify(config);
  writeFileSync(join(folder, "config.json"), text);
  for (const [name, script] of Object.entries(helpers)) {
    const path = join(bin, `docker-credential-${name}`);
    writeFileSync(path, `#!/bin/sh\n${script}\n`);
    chmodSync(path, 0o755);
  }
  const environment = {
    PATH: `${bin}:/usr/bin:/bin`,
    DOCKER_CONFIG: folder,
    LOG: join(folder, "log"),
  };
  return { credentials: createCredentials({ environment, clock: createClock() }), folder, bin };
}

/** Speaks the helper protocol: the address on standard input, JSON on standard output. */
const ANSWER =
  'read address; printf \'{"ServerURL":"%s","Username":"ann","Secret":"se:cret"}\' "$address"';
const NOT_FOUND = 'echo "credentials not found in native keychain"; exit 1';

async function refusal(lookup: Promise<unknown>): Promise<string> {
  const error = await lookup.then(
    () => assert.fail("the lookup went through"),
    (reason: unknown) => reason,
  );
  assert.ok(isError(error, REGISTRY_CREDENTIALS), inspect(error));
  return error.message;
}

test("registry and engine both get in with a login that a helper keeps", async (context) => {
  await using lab = await openLab({ parts: ["registry", "engine"] });
  await using proxy = await openRegistryProxy({
    credentials: { username: "ann", password: "se:cret" },
  });
  const image = await lab.image("web:1", web("one"));
  const { credentials } = homeWith(
    context,
    { credHelpers: { [proxy.host]: "lab" } },
    { lab: ANSWER },
  );
  const reference = parseImageReference(`${proxy.host}/web:1`);
  assert.ok(reference);
  const registry = createRegistry({
    credentials,
    insecureRegistries: [],
    clock: createClock(),
    timeoutMs: 10_000,
  });
  const resolved = await registry.resolve(reference);
  assert.deepEqual(resolved, { kind: "resolved", digest: image.digest });

  const engine = createEngine({
    endpoint: lab.engine.url,
    credentials: async (host) => {
      const login = await credentials.lookup(host);
      return login === null ? null : engineLogin(login);
    },
  });
  const { platform } = await engine.info();
  await engine.pull(reference, image.digest as Digest, { platform, timeoutMs: 60_000 });
  assert.ok(await engine.inspectImage(`${proxy.host}/web@${image.digest}`));
});

test("asks the store for registries without a helper of their own, the file at last", async (context) => {
  const auth = Buffer.from("bob:file").toString("base64");
  const { credentials } = homeWith(
    context,
    { credsStore: "store", credHelpers: { "a.io": "own" }, auths: { "c.io": { auth } } },
    {
      own: 'echo \'{"Username":"own","Secret":"x"}\'',
      store: `read address; case $address in b.io) echo '{"Username":"<token>","Secret":"refresh"}';; *) ${NOT_FOUND};; esac`,
    },
  );
  const nameOf = async (registry: string) => {
    const login = await credentials.lookup(registry);
    return login?.kind === "password" ? login.username : (login?.kind ?? null);
  };
  assert.equal(await nameOf("a.io"), "own");
  assert.equal(await nameOf("b.io"), "identity-token");
  assert.equal(await nameOf("c.io"), "bob");
  assert.equal(await nameOf("d.io"), null);
});

test("asks a helper for Docker Hub under the Hub's old address", async (context) => {
  const { credentials } = homeWith(
    context,
    { credsStore: "hub" },
    {
      hub: `read address; test "$address" = https://index.docker.io/v1/ || exit 9; echo '{"Username":"ann","Secret":"x"}'`,
    },
  );
  assert.equal((await credentials.lookup("docker.io"))?.kind, "password");
});

test("asks a helper once, also for lookups at the same time", async (context) => {
  const { credentials, folder } = homeWith(
    context,
    { credsStore: "log" },
    {
      log: `echo x >> "$LOG"; ${ANSWER}`,
    },
  );
  await Promise.all([credentials.lookup("a.io"), credentials.lookup("a.io")]);
  await credentials.lookup("a.io");
  const { readFileSync } = await import("node:fs");
  assert.equal(readFileSync(join(folder, "log"), "utf8"), "x\n");
});

test("names the helper that is missing, failing or not plain, and shows nothing it printed", async (context) => {
  const config = {
    credHelpers: { "a.io": "absent", "b.io": "bad", "c.io": "../../bin/sh", "d.io": "odd" },
  };
  const { credentials } = homeWith(context, config, {
    bad: "echo hunter2; echo hunter2 >&2; exit 3",
    odd: "echo hunter2",
  });
  assert.match(await refusal(credentials.lookup("a.io")), /a\.io.*docker-credential-absent.*PATH/);
  const bad = await refusal(credentials.lookup("b.io"));
  assert.match(bad, /docker-credential-bad.*exit code 3/);
  assert.match(await refusal(credentials.lookup("c.io")), /not a plain program name/);
  const odd = await refusal(credentials.lookup("d.io"));
  assert.doesNotMatch(bad + odd, /hunter2/);
});

test("says which file is no Docker configuration, without quoting it", async (context) => {
  const { credentials, folder } = homeWith(context, '{"auths": {"a.io": {"auth": "hunter2"');
  const message = await refusal(credentials.lookup("a.io"));
  assert.ok(message.includes(join(folder, "config.json")));
  assert.doesNotMatch(message, /hunter2/);
});

test("is anonymous without a configuration, and sees one that appears later", async (context) => {
  const { credentials, folder } = homeWith(context, {});
  rmSync(join(folder, "config.json"));
  assert.equal(await credentials.lookup("a.io"), null);
  const auths = { "a.io": { username: "ann", password: "x" } };
  writeFileSync(join(folder, "config.json"), JSON.stringify({ auths }));
  assert.equal((await credentials.lookup("a.io"))?.kind, "password");
});

test("turns a broken helper into a result of the registry, not into an exception", async (context) => {
  await using _lab = await openLab({ parts: ["registry"] });
  await using proxy = await openRegistryProxy({ credentials: { username: "a", password: "b" } });
  const { credentials } = homeWith(context, { credsStore: "absent" });
  const registry = createRegistry({
    credentials,
    insecureRegistries: [],
    clock: createClock(),
    timeoutMs: 10_000,
  });
  const reference = parseImageReference(`${proxy.host}/web:1`);
  assert.ok(reference);
  const answer = await registry.resolve(reference);
  assert.ok(answer.kind === "unexpected" && answer.why.includes("docker-credential-absent"));
});
