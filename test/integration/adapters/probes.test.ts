import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { createServer as createHttpServer, type RequestListener } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, createServer, type Server } from "node:net";
import { test } from "node:test";
import { createProbes } from "../../../src/adapters/probes/probes.ts";
import { CERTIFICATE, CERTIFICATE_KEY } from "./test-certificate.ts";

const probes = createProbes();
const QUICK_MS = 300;

async function listening(server: Server, host = "127.0.0.1") {
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as AddressInfo;
  const close = () => {
    if ("closeAllConnections" in server)
      (server as unknown as { closeAllConnections(): void }).closeAllConnections();
    server.close();
  };
  return { port, [Symbol.dispose]: close };
}

async function serving(handler: RequestListener) {
  const server = await listening(createHttpServer(handler));
  return {
    ...server,
    url: `http://127.0.0.1:${server.port}`,
    [Symbol.dispose]: server[Symbol.dispose],
  };
}

/** A DNS server that answers every question with `answer`, or not at all. */
async function answering(host: string, answer: (question: Buffer) => Buffer | null) {
  const socket: Socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  socket.on("message", (question, from) => {
    const reply = answer(question);
    if (reply !== null) socket.send(reply, from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, host, resolve));
  return { port: socket.address().port, [Symbol.dispose]: () => void socket.close() };
}

function reply(
  question: Buffer,
  code: number,
  records: { type: number; data: number[] }[],
): Buffer {
  const header = Buffer.from(question.subarray(0, 12));
  header.writeUInt16BE(0x8180 | code, 2);
  header.writeUInt16BE(records.length, 6);
  const answers = records.map(({ type, data }) =>
    Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, data.length, ...data]),
  );
  return Buffer.concat([header, question.subarray(12), ...answers]);
}

test("an HTTP answer comes back whole: status, headers, body", async () => {
  using server = await serving((request, response) => {
    response.writeHead(409, { "X-Session": "abc" });
    response.end(`${request.method} ${request.url} ${request.headers.host}`);
  });
  const answer = await probes.http(
    { url: `${server.url}/rpc?x=1`, method: "POST", body: "{}" },
    2000,
  );
  assert.equal(answer.kind, "answer");
  assert.equal(answer.kind === "answer" && answer.status, 409);
  assert.equal(answer.kind === "answer" && answer.headers["x-session"], "abc");
  assert.equal(answer.kind === "answer" && answer.body, `POST /rpc?x=1 127.0.0.1:${server.port}`);
});

test("a request connects elsewhere while its Host header stays", async () => {
  using server = await serving((request, response) => response.end(request.headers.host));
  const connect = { host: "127.0.0.1", port: server.port };
  const answer = await probes.http({ url: "http://vaultwarden:80/alive", connect }, 2000);
  assert.equal(answer.kind === "answer" && answer.body, "vaultwarden");
});

test("a body that never ends is cut, and one that never comes is a timeout", async () => {
  using endless = await serving((_, response) => {
    const pump = () => {
      while (!response.destroyed && response.write("x".repeat(4096)));
      if (!response.destroyed) response.once("drain", pump);
    };
    pump();
  });
  const cut = await probes.http({ url: endless.url, maxBodyBytes: 1000 }, 2000);
  assert.equal(cut.kind === "answer" && cut.truncated, true);
  assert.equal(cut.kind === "answer" && cut.body.length, 1000);
  using silent = await serving((_, response) => response.write("begin"));
  const none = await probes.http({ url: silent.url }, QUICK_MS);
  assert.equal(none.kind === "failed" && none.reason, "timeout");
  assert.ok(none.durationMs < QUICK_MS + 2000);
});

test("each way in which an HTTP server fails has its own reason", async () => {
  const closing = createServer((socket) => socket.destroy());
  const garbled = createServer((socket) => socket.end("SSH-2.0-OpenSSH\r\n"));
  using closed = await listening(closing);
  using other = await listening(garbled);
  const reasonOf = async (url: string) => {
    const answer = await probes.http({ url }, 2000);
    return answer.kind === "failed" ? answer.reason : answer.kind;
  };
  assert.equal(await reasonOf(`http://127.0.0.1:${closed.port}`), "closed");
  assert.equal(await reasonOf(`http://127.0.0.1:${other.port}`), "garbled");
  assert.equal(await reasonOf(`https://127.0.0.1:${other.port}`), "tls");
  assert.equal(await reasonOf("http://127.0.0.1:1"), "refused");
  assert.equal(await reasonOf("http://no-such-host.invalid"), "name");
  assert.equal(await reasonOf("ftp://127.0.0.1"), "name");
});

test("a certificate that nobody vouches for is refused, unless any will do", async () => {
  const secure = createHttpsServer({ cert: CERTIFICATE, key: CERTIFICATE_KEY }, (_, response) =>
    response.end("safe"),
  );
  using server = await listening(secure);
  const url = `https://127.0.0.1:${server.port}/`;
  const refused = await probes.http({ url }, 2000);
  assert.equal(refused.kind === "failed" && refused.reason, "tls");
  const answer = await probes.http({ url, anyCertificate: true }, 2000);
  assert.equal(answer.kind === "answer" && answer.body, "safe");
});

test("a TCP port is open, refused or silent", async () => {
  using open = await listening(createServer());
  assert.equal((await probes.tcp("127.0.0.1", open.port, 2000)).kind, "connected");
  const refused = await probes.tcp("127.0.0.1", 1, 2000);
  assert.equal(refused.kind === "failed" && refused.reason, "refused");
});

test("a DNS answer tells addresses from NXDOMAIN, SERVFAIL and silence", async () => {
  using good = await answering("127.0.0.1", (question) =>
    reply(question, 0, [{ type: 1, data: [10, 0, 0, 7] }]),
  );
  const ask = { host: "127.0.0.1", name: "pi.hole", type: "A" } as const;
  const found = await probes.dns({ ...ask, port: good.port }, 2000);
  assert.deepEqual(found.kind === "answer" && [found.code, found.addresses], [
    "NOERROR",
    ["10.0.0.7"],
  ]);
  assert.ok(found.durationMs < 900, "the first question is sent at once");
  for (const [code, name] of [
    [2, "SERVFAIL"],
    [3, "NXDOMAIN"],
    [5, "REFUSED"],
  ] as const) {
    using bad = await answering("127.0.0.1", (question) => reply(question, code, []));
    const answer = await probes.dns({ ...ask, port: bad.port }, 2000);
    assert.equal(answer.kind === "answer" && answer.code, name);
  }
  using silent = await answering("127.0.0.1", () => null);
  const none = await probes.dns({ ...ask, port: silent.port }, QUICK_MS);
  assert.equal(none.kind === "failed" && none.reason, "timeout");
  const refused = await probes.dns({ ...ask, port: 1 }, 2000);
  assert.equal(refused.kind === "failed" && refused.reason, "refused");
});

test("a lost DNS question is asked again", async () => {
  let asked = 0;
  using lossy = await answering("127.0.0.1", (question) => {
    asked += 1;
    return asked === 1 ? null : reply(question, 0, [{ type: 1, data: [10, 0, 0, 7] }]);
  });
  const question = { host: "127.0.0.1", port: lossy.port, name: "pi.hole", type: "A" } as const;
  assert.equal((await probes.dns(question, 3 * QUICK_MS)).kind, "answer");
});

test("DNS is asked over IPv6 and for IPv6 addresses", async () => {
  using server = await answering("::1", (question) =>
    reply(question, 0, [{ type: 28, data: [0xfd, ...Array(14).fill(0), 7] }]),
  );
  const question = { host: "::1", port: server.port, name: "pi.hole", type: "AAAA" } as const;
  const answer = await probes.dns(question, 2000);
  assert.deepEqual(answer.kind === "answer" && answer.addresses, ["fd00::7"]);
});

test("a damaged or foreign DNS packet is not taken for an answer", async () => {
  using server = await answering("127.0.0.1", (question) => {
    const answer = reply(question, 0, [{ type: 1, data: [10, 0, 0, 7] }]);
    return answer.subarray(0, answer.length - 2);
  });
  const question = { host: "127.0.0.1", port: server.port, name: "pi.hole", type: "A" } as const;
  const answer = await probes.dns(question, QUICK_MS);
  assert.equal(answer.kind === "failed" && answer.reason, "timeout");
});
