import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import fc from "fast-check";
import { helperFor, loginFor, parseDockerConfig } from "./docker-config-file.ts";
import type { RegistryLogin } from "./registry-login.ts";

const basic = (user: string, password: string) =>
  Buffer.from(`${user}:${password}`).toString("base64");

function login(config: unknown, registry: string): RegistryLogin | null {
  const parsed = parseDockerConfig(JSON.stringify(config));
  assert.ok(parsed);
  return loginFor(parsed, registry);
}

function userOf(found: RegistryLogin | null): string | null {
  return found?.kind === "password" ? `${found.username}:${found.password.reveal()}` : null;
}

test("reads a base64 login, with colons in the password", () => {
  const config = { auths: { "ghcr.io": { auth: basic("ann", "pa:ss") } } };
  assert.equal(userOf(login(config, "ghcr.io")), "ann:pa:ss");
});

test("gives a login to its own registry only", () => {
  const config = { auths: { "ghcr.io": { auth: basic("ann", "secret") } } };
  for (const registry of ["docker.io", "evil.ghcr.io", "ghcr.io.evil", "ghcr.io:5000", "GHCR.io"]) {
    assert.equal(login(config, registry), null, registry);
  }
});

test("finds Docker Hub under each of its names", () => {
  for (const key of [
    "https://index.docker.io/v1/",
    "index.docker.io",
    "docker.io",
    "https://registry-1.docker.io/v2/",
  ]) {
    const config = { auths: { [key]: { username: "ann", password: "secret" } } };
    assert.equal(userOf(login(config, "docker.io")), "ann:secret", key);
  }
});

test("prefers the identity token", () => {
  const config = { auths: { "a.io": { auth: basic("<token>", ""), identitytoken: "refresh" } } };
  const found = login(config, "a.io");
  assert.equal(found?.kind === "identity-token" && found.token.reveal(), "refresh");
});

test("finds no login in an empty or malformed entry", () => {
  for (const entry of [
    {},
    null,
    "text",
    [],
    { auth: "" },
    { auth: "!!!" },
    { auth: basic("", "x") },
  ]) {
    assert.equal(login({ auths: { "a.io": entry } }, "a.io"), null, JSON.stringify(entry));
  }
});

test("takes the registry's own helper before the store, and an empty name as none", () => {
  const config = parseDockerConfig(
    JSON.stringify({
      credsStore: "secretservice",
      credHelpers: { "a.io": "ecr-login", "b.io": "" },
    }),
  );
  assert.ok(config);
  assert.equal(helperFor(config, "a.io"), "ecr-login");
  assert.equal(helperFor(config, "b.io"), null);
  assert.equal(helperFor(config, "c.io"), "secretservice");
});

test("prints no password", () => {
  const found = login({ auths: { "a.io": { auth: basic("ann", "hunter2") } } }, "a.io");
  assert.doesNotMatch(inspect(found, { depth: 9 }) + JSON.stringify(found), /hunter2/);
});

test("never throws on a hostile file", () => {
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string()), fc.webUrl(), (text, registry) => {
      const config = parseDockerConfig(text);
      if (config === null) return;
      helperFor(config, registry);
      loginFor(config, registry);
    }),
  );
});
