import assert from "node:assert/strict";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { Readable, Writable } from "node:stream";
import { test } from "node:test";
import { createServer } from "node:tls";
import { createEngine } from "../../../src/adapters/docker-engine/create-engine.ts";
import { ENGINE_UNREACHABLE, type OperatorError } from "../../../src/errors.ts";
import type { Engine } from "../../../src/ports.ts";
import { webWithoutHealthcheck } from "../../lab/behaviours.ts";
import type { Lab } from "../../lab/lab-types.ts";
import { openLab } from "../../lab/open-lab.ts";
import { createAuthority } from "./certificates.ts";

const PORT = 2376;

test("an engine is reached over TLS with a client certificate, and only with it", async () => {
  await using lab = await openLab({ parts: ["engine", "registry"] });
  const authority = createAuthority();
  const server = authority.issue("127.0.0.1");
  const files = writePem(lab, { ca: authority.ca, ...authority.issue(null) });
  const listener = createServer(
    {
      ca: authority.ca,
      ...server,
      requestCert: true,
      rejectUnauthorized: true,
      allowHalfOpen: true,
    },
    (socket) => {
      const engine = connect({ path: lab.engine.socket, allowHalfOpen: true });
      socket.on("error", () => engine.destroy());
      engine.on("error", () => socket.destroy());
      socket.pipe(engine).pipe(socket);
    },
  );
  await new Promise<void>((resolve) => listener.listen(PORT, "127.0.0.1", resolve));
  listener.unref();
  try {
    await useEngine(lab, createEngine({ endpoint: `tcp://127.0.0.1:${PORT}`, tls: files }));

    const stranger = createAuthority();
    const strange = writePem(lab, { ca: authority.ca, ...stranger.issue(null) }, "strange");
    await unreachable(createEngine({ endpoint: `tcp://127.0.0.1:${PORT}`, tls: strange }));
    const distrusting = writePem(lab, { ca: stranger.ca, ...authority.issue(null) }, "distrusting");
    await unreachable(createEngine({ endpoint: `tcp://127.0.0.1:${PORT}`, tls: distrusting }));
    const missing = { ...files, ca: "/nowhere/ca.pem" };
    await unreachable(createEngine({ endpoint: `tcp://127.0.0.1:${PORT}`, tls: missing }));
  } finally {
    listener.close();
  }
});

test("an engine is reached over ssh, whose own words explain a failure", async () => {
  await using lab = await openLab({ parts: ["engine", "registry"] });
  const folder = lab.folder("bin");
  const ssh = join(folder, "ssh");
  const log = join(lab.dir, "ssh-arguments");
  const path = process.env.PATH;
  // The command that a real ssh would run on the other host, run here.
  const words = [`PATH='${lab.environment.PATH}'`, `DOCKER_HOST='${lab.engine.url}'`];
  writeFileSync(
    ssh,
    `#!/bin/sh\necho "$*" >> '${log}'\nenv > '${log}-environment'\nexport ${words.join(" ")}\nwhile [ "$1" != -- ]; do shift; done\nshift 2\nexec "$@"\n`,
  );
  chmodSync(ssh, 0o755);
  process.env.PATH = `${folder}:/usr/bin:/bin`;
  process.env.PRATIQUE_TEST_TOKEN = "hidden";
  try {
    await useEngine(lab, createEngine({ endpoint: "ssh://admin@bender:2222" }));
    const first = readFileSync(log, "utf8").split("\n")[0] ?? "";
    assert.match(first, /-o BatchMode=yes .*-l admin -p 2222 -- bender docker system dial-stdio$/);
    assert.ok(!readFileSync(`${log}-environment`, "utf8").includes("hidden"));

    writeFileSync(ssh, "#!/bin/sh\necho 'bender: Permission denied (publickey).' >&2\nexit 255\n");
    const failure = await unreachable(createEngine({ endpoint: "ssh://admin@bender" }));
    assert.match(failure.message, /Permission denied \(publickey\)/);
  } finally {
    process.env.PATH = path;
    delete process.env.PRATIQUE_TEST_TOKEN;
  }
});

/** Reads in parallel, a change, streams in both directions with a closed input. */
async function useEngine(lab: Lab, engine: Engine): Promise<void> {
  const image = await lab.image("web:1", webWithoutHealthcheck("one"));
  await lab.docker(["run", "--detach", "--name", "web", image.reference]);
  const lists = await Promise.all(Array.from({ length: 12 }, () => engine.listContainers()));
  assert.ok(lists.every((list) => list[0]?.name === "web"));
  await engine.renameContainer("web", "site");
  const stdin = Readable.from([Buffer.alloc(1_000_000, "x")]);
  const counted = await engine.exec("site", ["wc", "-c"], { timeoutMs: 10_000, stdin });
  assert.deepEqual(counted, { exitCode: 0, stdout: "1000000\n", stderr: "" });
  let sizeBytes = 0;
  const stdout = new Writable({
    write(chunk: Buffer, _encoding, done) {
      sizeBytes += chunk.length;
      setImmediate(done);
    },
  });
  const dump = ["dd", "if=/dev/zero", "bs=65536", "count=64"];
  await engine.exec("site", dump, { timeoutMs: 10_000, stdout });
  assert.equal(sizeBytes, 64 * 65_536);
}

async function unreachable(engine: Engine): Promise<OperatorError> {
  const failure = await engine.listContainers().then(
    () => assert.fail("it went well"),
    (error: OperatorError) => error,
  );
  assert.equal(failure.code, ENGINE_UNREACHABLE.code, String(failure));
  return failure;
}

function writePem(lab: Lab, pem: { ca: string; cert: string; key: string }, name = "tls") {
  const folder = lab.folder(name);
  const files = {
    ca: join(folder, "ca.pem"),
    cert: join(folder, "cert.pem"),
    key: join(folder, "key.pem"),
  };
  writeFileSync(files.ca, pem.ca);
  writeFileSync(files.cert, pem.cert);
  writeFileSync(files.key, pem.key, { mode: 0o600 });
  return files;
}
