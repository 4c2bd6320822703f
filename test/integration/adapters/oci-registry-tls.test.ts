import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { test } from "node:test";
import { createRegistry } from "../../../src/adapters/oci-registry/registry.ts";
import { createClock } from "../../../src/adapters/system/clock.ts";
import type { ResolveResult } from "../../../src/ports.ts";
import { parseImageReference } from "../../../src/values/image-reference.ts";
import { openLab } from "../../lab/open-lab.ts";
import { findPrograms } from "../../lab/programs.ts";
import { runProgram } from "../../lab/run-program.ts";
import { CERTIFICATE, CERTIFICATE_KEY } from "./test-certificate.ts";

/** Not on loopback, but in this network namespace. */
const ADDRESS = "10.99.0.1";
const DIGEST = `sha256:${"a".repeat(64)}`;

interface Fake extends AsyncDisposable {
  connections: number;
}

/** A server at an address that is not loopback; every tag has the same digest. */
async function openServer(port: number, protocol: "http" | "https"): Promise<Fake> {
  // Registries name the length of what a GET would give; without it Node keeps no connection.
  const headers = { "docker-content-digest": DIGEST, "content-length": "2" };
  const listener: RequestListener = ({ method }, outgoing) => {
    outgoing.writeHead(200, headers).end(method === "HEAD" ? "" : "{}");
  };
  const server =
    protocol === "http"
      ? createServer(listener)
      : createTlsServer({ cert: CERTIFICATE, key: CERTIFICATE_KEY }, listener);
  server.unref();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(port, ADDRESS, resolve);
  });
  const fake: Fake = {
    connections: 0,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
  server.on("connection", () => {
    fake.connections += 1;
  });
  return fake;
}

async function openAddress() {
  const lab = await openLab({ parts: [] });
  await runProgram(findPrograms().busybox, ["ip", "addr", "replace", `${ADDRESS}/32`, "dev", "lo"]);
  return lab;
}

async function resolve(port: number, insecure: string[]): Promise<ResolveResult> {
  const registry = createRegistry({
    credentials: { lookup: async () => null },
    insecureRegistries: async () => insecure,
    clock: { ...createClock(), sleep: async () => {} },
    timeoutMs: 5_000,
  });
  const reference = parseImageReference(`${ADDRESS}:${port}/web:1`);
  assert.ok(reference);
  return await registry.resolve(reference);
}

test("speaks plain HTTP to a registry that the engine lists, and to no other", async () => {
  await using _lab = await openAddress();
  await using _server = await openServer(5080, "http");
  assert.equal((await resolve(5080, [])).kind, "unreachable");
  assert.equal((await resolve(5080, ["127.0.0.0/8", `${ADDRESS}:5081`])).kind, "unreachable");
  assert.equal((await resolve(5080, [`${ADDRESS}:5080`])).kind, "resolved");
  assert.equal((await resolve(5080, ["10.0.0.0/8"])).kind, "resolved");
});

test("takes a certificate that nobody vouches for only where the engine does", async () => {
  await using _lab = await openAddress();
  await using _server = await openServer(5443, "https");
  const refused = await resolve(5443, []);
  assert.ok(refused.kind === "unreachable");
  assert.match(refused.why, /self-signed/);
  assert.equal((await resolve(5443, [`${ADDRESS}:5443`])).kind, "resolved");
});

test("trusts the authorities that the engine has for that registry", async () => {
  await using _lab = await openAddress();
  await using _server = await openServer(5443, "https");
  await using _other = await openServer(5444, "https");
  // The lab's /etc is a private overlay.
  mkdirSync(`/etc/docker/certs.d/${ADDRESS}:5443`, { recursive: true });
  writeFileSync(`/etc/docker/certs.d/${ADDRESS}:5443/ca.crt`, CERTIFICATE);
  assert.equal((await resolve(5443, [])).kind, "resolved");
  assert.equal((await resolve(5444, [])).kind, "unreachable");
});

test("uses few connections for many requests, and keeps them", async () => {
  await using _lab = await openAddress();
  await using server = await openServer(5080, "http");
  const registry = createRegistry({
    credentials: { lookup: async () => null },
    insecureRegistries: [`${ADDRESS}:5080`],
    clock: createClock(),
    timeoutMs: 5_000,
  });
  const ask = (name: string) => {
    const reference = parseImageReference(`${ADDRESS}:5080/${name}`);
    assert.ok(reference);
    return registry.resolve(reference);
  };
  const names = Array.from({ length: 60 }, (_, index) => `app${index}:1`);
  const answers = await Promise.all(names.map(ask));
  assert.ok(answers.every(({ kind }) => kind === "resolved"));
  for (const name of names) await ask(name);
  // One more for finding out that it is not https.
  assert.ok(server.connections <= 17, String(server.connections));
});
