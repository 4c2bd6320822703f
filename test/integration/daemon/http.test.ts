/** What the daemon answers over HTTP, asked over real connections. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { type IncomingHttpHeaders, request } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import test from "node:test";
import { web } from "../../lab/behaviours.ts";
import { openLab } from "../../lab/open-lab.ts";
import { auditLog, hostOn, runContainer, runningImage } from "../update/host.ts";
import { startDaemon } from "./driven-daemon.ts";

const TOKEN = "a-token-of-the-lab-0123456789";
const HOOK = "/api/v1/hooks/diun";
const SETTINGS = `http:
  hosts: [pratique]
  hooks: { diunToken: ${TOKEN} }
`;

interface Asked {
  method?: string;
  body?: string | Buffer;
  headers?: Record<string, string>;
}

interface Answered {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

/** node:http, because fetch refuses to send GET with a body as diun does. */
function ask(path: string, { method = "GET", body, headers = {} }: Asked = {}): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const length: Record<string, string | number> =
      body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
    const options = {
      host: "127.0.0.1",
      port: 8585,
      path,
      method,
      headers: { ...length, ...headers },
    };
    const outgoing = request(options, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => (text += chunk.toString()));
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
      );
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

const BEARER = { authorization: `Bearer ${TOKEN}` };

/** As diun 4 writes it (internal/msg/client.go). */
function entry(image: string, status = "update"): string {
  return JSON.stringify({
    diun_version: "4.29.0",
    hostname: "amy",
    status,
    provider: "docker",
    image,
    hub_link: "",
    mime_type: "application/vnd.oci.image.index.v1+json",
    digest: `sha256:${"0".repeat(64)}`,
    created: "2026-11-20T10:00:00Z",
    platform: "linux/amd64",
    metadata: { ctn_names: "web", ctn_state: "running" },
  });
}

test("the daemon answers health checks and diun, and nobody else", async (t) => {
  await using lab = await openLab({ remembersScans: true });
  const host = hostOn(lab, SETTINGS);
  const names = ["web0", "web1", "web2", "web3"];
  for (const name of names) {
    await lab.image(`${name}:latest`, web("old"));
    await runContainer(lab, name, `127.0.0.1:5000/${name}:latest`);
  }
  const runningImages = async () => await Promise.all(names.map((name) => runningImage(lab, name)));
  const before = await runningImages();
  const absent = await host.pratique("healthcheck");
  assert.equal(absent.code, 1, absent.stdout);
  assert.match(absent.stdout, /not ready: .*refused/);
  await using daemon = await startDaemon(lab, host, new Date().toISOString());
  await daemon.waitFor(/serves lab on http:\/\/127\.0\.0\.1:8585/);

  await t.test("alive, ready, and healthcheck says so", async () => {
    const alive = await ask("/livez");
    assert.deepEqual([alive.status, alive.body], [200, '{"schema":1,"status":"alive"}']);
    await daemon.ready();
    const { code, stdout } = await host.pratique("healthcheck");
    assert.deepEqual([code, stdout], [0, "The daemon is ready."]);
  });

  const filesAtStart = openFiles(daemon.pid);

  await t.test("other names, paths and methods get a short answer", async () => {
    const rebound = await ask("/readyz", { headers: { host: "evil.example.org" } });
    assert.equal(rebound.status, 421);
    assert.match(rebound.body, /http\.hosts/);
    assert.equal((await ask("/livez", { headers: { host: "pratique:8585" } })).status, 200);
    assert.equal((await ask("/")).status, 404);
    assert.equal((await ask("/api/v1/hooks/diun/../../..", { headers: BEARER })).status, 404);
    assert.equal((await ask(HOOK, { method: "DELETE", headers: BEARER })).status, 405);
    assert.equal((await ask("/livez")).headers["x-content-type-options"], "nosniff");
  });

  await t.test("without the token nothing is taken", async () => {
    for (const headers of [
      {},
      { authorization: TOKEN },
      { authorization: `Bearer ${TOKEN.slice(0, -1)}` },
      { authorization: `Bearer ${TOKEN}x` },
      { authorization: `Basic ${TOKEN}` },
    ]) {
      const answer = await ask(HOOK, { method: "POST", body: entry("web"), headers });
      assert.equal(answer.status, 401, JSON.stringify(headers));
      assert.ok(!answer.body.includes(TOKEN));
    }
  });

  await t.test("what is no entry of diun is refused, and too much is not read", async () => {
    const post = async (body: string) =>
      (await ask(HOOK, { method: "POST", body, headers: BEARER })).status;
    assert.equal(await post(""), 400);
    assert.equal(await post("{"), 400);
    assert.equal(await post('{"image":"web"}'), 400);
    assert.equal(await post(entry("not a reference")), 400);
    assert.equal(await post(entry("$(reboot)")), 400);
    assert.equal(await post(entry("x".repeat(600))), 400);
    assert.equal(await post(entry("web", "deleted")), 202);
    assert.equal(await post(" ".repeat(65 * 1024)), 413);
    assert.equal(await chunked(65 * 1024), 413);
    assert.doesNotMatch(daemon.output(), / at .*\.ts:/, "no stack trace");
  });

  await t.test("every form that diun sends leads to a check, which only tells", async () => {
    const forms: Asked[] = [
      { method: "POST", headers: { "content-type": "application/json" } },
      { method: "POST" },
      { method: "POST", headers: { "content-type": "text/plain" } },
      { method: "GET" },
    ];
    for (const [index, form] of forms.entries()) {
      await lab.image(`web${index}:latest`, web("new"));
      const status = index % 2 === 0 ? "update" : "new";
      const body = entry(`127.0.0.1:5000/web${index}${index === 0 ? "" : ":latest"}`, status);
      const headers = { ...form.headers, ...BEARER };
      const answer = await ask(HOOK, { ...form, body, headers });
      assert.equal(answer.status, 202, JSON.stringify(form));
    }
    const messages = await lab.ntfy.waitForMessages(host.topic, (all) => all.length >= 4, 60_000);
    assert.deepEqual(messages.map(({ tags }) => `${tags?.[0]} ${tags?.at(-1)}`).toSorted(), [
      "package web0",
      "package web1",
      "package web2",
      "package web3",
    ]);
    assert.deepEqual(await runningImages(), before, "nothing was put in service");
  });

  await t.test("the same image twice is one check, and a strange image is none", async () => {
    const checks = () => daemon.output().split("check on lab").length;
    const counted = checks();
    for (let times = 0; times < 5; times += 1) await hint("127.0.0.1:5000/web0:latest");
    await hint("docker.io/library/nginx:latest");
    await daemon.waitFor(new RegExp(`(?:check on lab.*){${counted}}`, "s"));
    assert.equal(checks(), counted + 1);
    await hint("docker.io/library/nginx:latest");
    await daemon.waitFor(/no watched container runs nginx:latest/);
    assert.equal((await host.messages()).length, 4, "the same digest is told once");
  });

  await t.test("so many images wait, and no more", async () => {
    const answers: number[] = [];
    // Quicker than they are gathered.
    for (let first = 0; first < 250; first += 50) {
      const numbers = Array.from({ length: 50 }, (_, index) => first + index);
      answers.push(...(await Promise.all(numbers.map((number) => hint(`flood/app${number}`)))));
    }
    assert.ok(answers.filter((status) => status === 202).length >= 200);
    assert.ok(answers.includes(503), "the rest is turned away");
    await daemon.waitFor(/flood\/app0:latest.* and \d+ more/);
  });

  await t.test("a client that sends nothing is cut off", async () => {
    const startedMs = performance.now();
    await new Promise<void>((resolve) => {
      const socket = connect(8585, "127.0.0.1", () => socket.write("POST /livez HTTP/1.1\r\n"));
      socket.on("close", () => resolve());
      socket.on("error", () => {});
      socket.resume();
    });
    assert.ok(performance.now() - startedMs < 25_000);
  });

  await t.test("not ready while the engine is away, and ready again when it is back", async () => {
    await lab.engine.stop();
    const away = await ask("/readyz");
    assert.equal(away.status, 503);
    assert.match(away.body, /"reasons":\["engine: /);
    const { code, stdout } = await host.pratique("healthcheck");
    assert.equal(code, 1);
    assert.match(stdout, /not ready: .*engine/);
    assert.equal((await ask("/livez")).status, 200);
    await lab.engine.start();
    await daemon.ready();
  });

  await t.test("a second daemon on the same address says what is wrong", async () => {
    const state = lab.folder("other-state");
    const config = join(lab.folder("config"), "other.yaml");
    writeFileSync(config, readFileSync(host.config, "utf8").replace(host.state, state));
    const second = await lab.pratique(["serve"], { config });
    assert.equal(second.code, 4, second.stderr);
    assert.match(second.stderr, /cannot listen on 127\.0\.0\.1:8585: EADDRINUSE/);
  });

  await t.test("the token is in no output and no log, and no connection is left over", async () => {
    assert.ok(openFiles(daemon.pid) <= filesAtStart + 5, "what was opened is closed again");
    assert.ok(!daemon.output().includes(TOKEN));
    assert.ok(!auditLog(host).includes(TOKEN));
    assert.equal(await daemon.end(), 0);
  });

  async function hint(image: string): Promise<number> {
    return (await ask(HOOK, { method: "POST", body: entry(image), headers: BEARER })).status;
  }
});

function openFiles(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** Without a content length: counted while it comes. */
function chunked(bytes: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port: 8585, path: HOOK, method: "POST", headers: BEARER };
    const outgoing = request(options, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    outgoing.on("error", reject);
    outgoing.write(" ".repeat(bytes));
    outgoing.end();
  });
}
