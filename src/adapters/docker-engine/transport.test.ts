import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import {
  ENGINE_FAILED,
  ENGINE_REFUSED,
  ENGINE_TIMEOUT,
  ENGINE_TOO_OLD,
  ENGINE_UNREACHABLE,
  type OperatorError,
  PULL_CUT_OFF,
  PULL_FAILED,
  PULL_NO_SPACE,
  PULL_NOT_FOUND,
  PULL_RATE_LIMITED,
  PULL_UNAUTHORISED,
} from "../../errors.ts";
import { isDigest } from "../../values/digest.ts";
import { parseImageReference } from "../../values/image-reference.ts";
import { createEngine, type EngineOptions } from "./create-engine.ts";

/** Something that answers on a socket of its own, as engines and socket proxies do. */
async function listen(answer: RequestListener) {
  const folder = mkdtempSync(join(tmpdir(), "pratique-engine-"));
  const path = join(folder, "engine.sock");
  const server = createServer(answer);
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    endpoint: `unix://${path}`,
    sockets,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      rmSync(folder, { recursive: true });
    },
  };
}

/** Answers the ping of an engine of this API version, and everything else by `rest`. */
function engineOf(apiVersion: string, rest: RequestListener): RequestListener {
  return (request, response) => {
    if (request.url === "/_ping") response.setHeader("Api-Version", apiVersion).end("OK");
    else rest(request, response);
  };
}

const json = (status: number, body: unknown): RequestListener => {
  return (_request, response) => {
    response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
  };
};
const engineAt = (endpoint: string, more: Partial<EngineOptions> = {}) =>
  createEngine({ endpoint, timeoutMs: 2000, ...more });

async function failureOf(promise: Promise<unknown>): Promise<OperatorError> {
  return await promise.then(
    () => assert.fail("it went well"),
    (error: OperatorError) => error,
  );
}

describe("the API version", () => {
  for (const [theirs, spoken] of [
    ["1.41", "/v1.41/"],
    ["1.45", "/v1.45/"],
    ["1.56", "/v1.51/"],
  ] as const) {
    test(`is ${spoken} with an engine of ${theirs}`, async () => {
      const urls: string[] = [];
      await using engine = await listen(
        engineOf(theirs, (request, response) => {
          urls.push(request.url ?? "");
          json(200, [])(request, response);
        }),
      );
      await engineAt(engine.endpoint).listImages();
      assert.deepEqual(urls, [`${spoken}images/json`]);
    });
  }

  test("is asked once", async () => {
    let pings = 0;
    await using engine = await listen((request, response) => {
      if (request.url === "/_ping") pings += 1;
      engineOf("1.45", json(200, []))(request, response);
    });
    const client = engineAt(engine.endpoint);
    await Promise.all([client.listImages(), client.listContainers(), client.listImages()]);
    assert.equal(pings, 1);
  });

  test("below 1.40 is ENGINE_TOO_OLD", async () => {
    await using engine = await listen(engineOf("1.9", json(200, [])));
    assert.equal(
      (await failureOf(engineAt(engine.endpoint).listImages())).code,
      ENGINE_TOO_OLD.code,
    );
    const forced = engineAt(engine.endpoint, { apiVersion: "1.24" });
    assert.equal((await failureOf(forced.listImages())).code, ENGINE_TOO_OLD.code);
  });

  test("can be forced", async () => {
    const urls: string[] = [];
    await using engine = await listen((request, response) => {
      urls.push(request.url ?? "");
      json(200, [])(request, response);
    });
    await engineAt(engine.endpoint, { apiVersion: "1.43" }).listImages();
    assert.deepEqual(urls, ["/v1.43/images/json"]);
  });

  test("is taken from /version where a proxy refuses the ping", async () => {
    await using engine = await listen((request, response) => {
      if (request.url === "/_ping") response.writeHead(403).end("<html>");
      else response.setHeader("Api-Version", "1.44").end("[]");
    });
    assert.deepEqual(await engineAt(engine.endpoint).listImages(), []);
  });
});

describe("failures", () => {
  test("a socket that is not there is ENGINE_UNREACHABLE", async () => {
    const failure = await failureOf(engineAt("unix:///nowhere/engine.sock").listImages());
    assert.equal(failure.code, ENGINE_UNREACHABLE.code);
    assert.match(failure.message, /\/nowhere\/engine\.sock.*ENOENT/);
  });

  test("an endpoint of no known kind is ENGINE_UNREACHABLE, with the known kinds", async () => {
    const failure = await failureOf(engineAt("npipe:////./pipe/engine").listImages());
    assert.equal(failure.code, ENGINE_UNREACHABLE.code);
    assert.match(failure.message, /ssh:\/\//);
  });

  test("a page with 403 is ENGINE_REFUSED and names the proxy's setting", async () => {
    await using engine = await listen(
      engineOf("1.45", (_request, response) =>
        response.writeHead(403).end("<html><body><h1>403 Forbidden</h1></body></html>"),
      ),
    );
    const failure = await failureOf(engineAt(engine.endpoint).startContainer("web"));
    assert.equal(failure.code, ENGINE_REFUSED.code);
    assert.match(failure.message, /POST \/containers\/web\/start.*CONTAINERS=1 and POST=1/);
  });

  test("the engine's own 403 is ENGINE_FAILED with its message", async () => {
    await using engine = await listen(engineOf("1.45", json(403, { message: "plugin says no" })));
    const failure = await failureOf(engineAt(engine.endpoint).startContainer("web"));
    assert.equal(failure.code, ENGINE_FAILED.code);
    assert.match(failure.message, /403: plugin says no/);
  });

  test("a long message is cut", async () => {
    await using engine = await listen(engineOf("1.45", json(500, { message: "x".repeat(9999) })));
    const failure = await failureOf(engineAt(engine.endpoint).startContainer("web"));
    assert.ok(failure.message.length < 700);
  });

  test("silence is ENGINE_TIMEOUT, before and in the middle of an answer", async () => {
    await using engine = await listen(
      engineOf("1.45", (request, response) => {
        if (request.url?.includes("/images/")) response.writeHead(200).write("[");
      }),
    );
    const client = engineAt(engine.endpoint, { timeoutMs: 300 });
    assert.equal((await failureOf(client.listImages())).code, ENGINE_TIMEOUT.code);
    assert.equal((await failureOf(client.listContainers())).code, ENGINE_TIMEOUT.code);
  });

  test("a connection that breaks in the middle is ENGINE_UNREACHABLE", async () => {
    await using engine = await listen(
      engineOf("1.45", (_request, response) => {
        response.writeHead(200, { "Content-Length": "100" }).write("[");
        setImmediate(() => response.destroy());
      }),
    );
    const failure = await failureOf(engineAt(engine.endpoint).listImages());
    assert.equal(failure.code, ENGINE_UNREACHABLE.code);
  });

  test("no value of a query stands in an error", async () => {
    await using engine = await listen(engineOf("1.45", json(500, { message: "no" })));
    const failure = await failureOf(engineAt(engine.endpoint).renameContainer("a", "new-name"));
    assert.ok(!failure.message.includes("new-name"));
  });
});

test("a read is asked again when the kept connection had gone stale", async () => {
  let seen = 0;
  await using engine = await listen(
    engineOf("1.45", (request, response) => {
      seen += 1;
      // The second request on the first connection finds it closed, as after an idle time.
      if (seen === 2) request.socket.destroy();
      else json(200, [])(request, response);
    }),
  );
  const client = engineAt(engine.endpoint);
  await client.listImages();
  assert.deepEqual(await client.listImages(), []);
  assert.equal(seen, 3);
});

test("a change is never asked twice", async () => {
  let seen = 0;
  await using engine = await listen(
    engineOf("1.45", (request, _response) => {
      seen += 1;
      request.socket.destroy();
    }),
  );
  const failure = await failureOf(engineAt(engine.endpoint).startContainer("web"));
  assert.equal(failure.code, ENGINE_UNREACHABLE.code);
  assert.equal(seen, 1);
});

test("a two-way stream that the engine refuses leaves no connection that keeps the process alive", async () => {
  let refused: Socket | null = null;
  await using engine = await listen(
    engineOf("1.45", (request, response) => {
      const { url = "", socket } = request;
      if (url.endsWith("/containers/web/exec")) json(201, { Id: "e" })(request, response);
      else if (url.endsWith("/json")) json(200, { Running: false })(request, response);
      else {
        refused = socket;
        json(409, { message: "container web is restarting" })(request, response);
      }
    }),
  );
  const exec = engineAt(engine.endpoint).exec("web", ["psql"], { timeoutMs: 2000 });
  assert.match((await failureOf(exec)).message, /is restarting/);
  const socket = refused as Socket | null;
  assert.ok(socket !== null);
  if (!socket.closed) await once(socket, "close", { signal: AbortSignal.timeout(2000) });
});

test("names are escaped, so that no name reaches another address", async () => {
  const urls: string[] = [];
  await using engine = await listen(
    engineOf("1.45", (request, response) => {
      urls.push(request.url ?? "");
      json(404, { message: "no" })(request, response);
    }),
  );
  const client = engineAt(engine.endpoint);
  await client.inspectContainer("../images/x?y#z");
  await client.inspectImage("a/b:1@sha256:0 ?x");
  assert.deepEqual(urls, [
    "/v1.45/containers/..%2Fimages%2Fx%3Fy%23z/json",
    "/v1.45/images/a/b:1@sha256:0%20%3Fx/json",
  ]);
});

test("a removal that somebody else began is waited for", async () => {
  let asked = 0;
  await using engine = await listen(
    engineOf("1.45", (request, response) => {
      const found = { Id: "1".repeat(64), Name: "/web" };
      if (request.method === "DELETE") json(409, { message: "in progress" })(request, response);
      else if (asked++ < 2) json(200, found)(request, response);
      else json(404, { message: "no such container" })(request, response);
    }),
  );
  const client = engineAt(engine.endpoint);
  await client.removeContainer("web", { force: true });
  assert.equal(asked, 3);
  const unforced = await failureOf(client.removeContainer("web", { force: false }));
  assert.match(unforced.message, /409: in progress/);
});

describe("the text of a failed pull", () => {
  const rows: Array<[string, { code: string }]> = [
    ["unauthorized: authentication required", PULL_UNAUTHORISED],
    ['Head "https://x/v2/": no basic auth credentials', PULL_UNAUTHORISED],
    ["denied: requested access to the resource is denied", PULL_UNAUTHORISED],
    ["manifest unknown: manifest unknown", PULL_NOT_FOUND],
    ["no matching manifest for linux/arm64 in the manifest list entries", PULL_NOT_FOUND],
    ["toomanyrequests: You have reached your pull rate limit", PULL_RATE_LIMITED],
    ["failed to register layer: write /x: no space left on device", PULL_NO_SPACE],
    ["unexpected EOF", PULL_CUT_OFF],
    ["read tcp 10.0.0.1:1->10.0.0.2:443: read: connection reset by peer", PULL_CUT_OFF],
    ["net/http: TLS handshake timeout", PULL_CUT_OFF],
    ["something else entirely", PULL_FAILED],
  ];
  for (const [text, expected] of rows) {
    test(`${text} is ${expected.code}`, async () => {
      await using engine = await listen(
        engineOf("1.45", (_request, response) => {
          response.writeHead(200).write('{"status":"Pulling from app","id":"1"}\r\n');
          response.end(JSON.stringify({ errorDetail: { message: text }, error: text }));
        }),
      );
      const reference = parseImageReference("ghcr.io/owner/app:1");
      const digest = `sha256:${"0".repeat(64)}`;
      assert.ok(reference && isDigest(digest));
      const platform = { os: "linux", architecture: "amd64", variant: null };
      const pull = engineAt(engine.endpoint).pull(reference, digest, { platform, timeoutMs: 2000 });
      const failure = await failureOf(pull);
      assert.equal(failure.code, expected.code);
      assert.ok(failure.message.includes(`ghcr.io/owner/app@${digest}`));
    });
  }
});
