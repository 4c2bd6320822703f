import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { test } from "node:test";
import { createNotifier } from "../../../src/adapters/ntfy-notifier/notifier.ts";
import type { Message } from "../../../src/ports.ts";
import { Secret } from "../../../src/values/secret.ts";
import { openLab } from "../../lab/open-lab.ts";
import { openPrivateNtfy } from "./ntfy-private-server.ts";

const TOPIC = "container-updates-amy";
const MESSAGE: Message = {
  id: "outbox-1",
  title: "[amy] container update: übung 😀\r\nX-Tags: evil",
  body: "success - 2 findings fixed",
  priority: 4,
  tags: ["white_check_mark", "amy"],
  click: "https://pratique.lan/updates/1",
};

type Handler = (incoming: IncomingMessage, outgoing: ServerResponse) => void;

/** Something on a port that is no ntfy, or one in bad shape. */
async function openServer(port: number, handler: Handler): Promise<AsyncDisposable> {
  const server = createServer(handler).unref();
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

const notifierAt = (url: string, token: Secret | null = null) =>
  createNotifier({ url, topic: TOPIC, token });

test("publishes title, body, priority, tags and link, and finds the message on the server", async () => {
  await using lab = await openLab({ parts: ["ntfy"] });
  const notifier = notifierAt(lab.ntfy.url);
  const delivery = await notifier.deliver(MESSAGE);
  assert.ok(delivery.kind === "delivered", JSON.stringify(delivery));
  const [seen, ...others] = await lab.ntfy.messages(TOPIC);
  assert.deepEqual(others, []);
  assert.equal(seen?.id, delivery.serverId);
  assert.equal(seen.title, "[amy] container update: übung 😀 X-Tags: evil");
  assert.equal(seen.message, MESSAGE.body);
  assert.equal(seen.priority, 4);
  assert.deepEqual(seen.tags, ["white_check_mark", "amy"]);
  assert.equal(seen.click, MESSAGE.click);
  assert.equal(await notifier.readBack(delivery.serverId), "found");
  assert.equal(await notifier.readBack("absent000000"), "missing");
});

test("keeps a long body a message instead of an attachment", async () => {
  await using lab = await openLab({ parts: ["ntfy"] });
  const delivery = await notifierAt(lab.ntfy.url).deliver({
    ...MESSAGE,
    body: "ü€😀\n".repeat(9000),
  });
  assert.equal(delivery.kind, "delivered");
  const [seen] = await lab.ntfy.messages(TOPIC);
  assert.ok(seen?.message?.endsWith("…") && !("attachment" in seen));
});

test("finds one message among many others", async () => {
  await using lab = await openLab({ parts: ["ntfy"] });
  const notifier = notifierAt(lab.ntfy.url);
  const ids: string[] = [];
  for (let count = 0; count < 30; count += 1) {
    const delivery = await notifier.deliver({ ...MESSAGE, body: `message ${count}` });
    assert.ok(delivery.kind === "delivered");
    ids.push(delivery.serverId);
  }
  assert.equal(await notifier.readBack(ids[3] ?? ""), "found");
});

test("authenticates by token, and says not-permitted where the token may only write", async () => {
  await using lab = await openLab({ parts: [] });
  await using ntfy = await openPrivateNtfy(lab, TOPIC);
  const both = notifierAt(ntfy.url, new Secret(ntfy.token));
  const delivery = await both.deliver(MESSAGE);
  assert.ok(delivery.kind === "delivered", JSON.stringify(delivery));
  assert.equal(await both.readBack(delivery.serverId), "found");

  const writer = notifierAt(ntfy.url, new Secret(ntfy.writeOnlyToken));
  const written = await writer.deliver(MESSAGE);
  assert.ok(written.kind === "delivered");
  assert.equal(await writer.readBack(written.serverId), "not-permitted");

  const nobody = await notifierAt(ntfy.url).deliver(MESSAGE);
  assert.ok(nobody.kind === "refused");
  assert.match(nobody.why, /403 \(ntfy 40301: forbidden\)/);
  const wrong = await notifierAt(ntfy.url, new Secret("tk_wrong")).deliver(MESSAGE);
  assert.ok(wrong.kind === "refused");
  assert.match(wrong.why, /401 \(ntfy 40101/);
  assert.doesNotMatch(wrong.why, /tk_wrong/);
});

test("tries again later when the server limits", async () => {
  await using lab = await openLab({ parts: [] });
  await using ntfy = await openPrivateNtfy(lab, TOPIC);
  const notifier = notifierAt(ntfy.url, new Secret(ntfy.token));
  let delivery = await notifier.deliver(MESSAGE);
  for (let count = 0; count < 20 && delivery.kind === "delivered"; count += 1) {
    delivery = await notifier.deliver(MESSAGE);
  }
  assert.ok(delivery.kind === "retry");
  assert.match(delivery.why, /429 \(ntfy 42901/);
});

test("tries again when the server is down, failing or something else", async () => {
  await using lab = await openLab({ parts: ["ntfy"] });
  const url = lab.ntfy.url;
  await lab.ntfy.stop();
  const down = await notifierAt(url).deliver(MESSAGE);
  assert.ok(down.kind === "retry");
  assert.match(down.why, /127\.0\.0\.1:2586 cannot be reached: ECONNREFUSED/);
  assert.equal(await notifierAt(url).readBack("x"), "unreachable");

  await using _failing = await openServer(2600, (_, outgoing) => {
    outgoing.writeHead(503, { "retry-after": "120" }).end("upstream is down\r\n");
  });
  const failing = await notifierAt("http://127.0.0.1:2600").deliver(MESSAGE);
  assert.deepEqual(failing, {
    kind: "retry",
    why: "127.0.0.1:2600 answered 503 (upstream is down)",
    retryAfterMs: 120_000,
  });

  await using _page = await openServer(2601, (_, outgoing) => outgoing.end("<html>Log in</html>"));
  const page = await notifierAt("http://127.0.0.1:2601").deliver(MESSAGE);
  assert.ok(page.kind === "retry");
  assert.match(page.why, /not as ntfy does/);

  await using _cut = await openServer(2602, (_, outgoing) => outgoing.destroy());
  assert.equal((await notifierAt("http://127.0.0.1:2602").deliver(MESSAGE)).kind, "retry");
});

test("follows a redirect on the same host only, so that the token stays there", async () => {
  await using lab = await openLab({ parts: ["ntfy"] });
  const tokens: (string | undefined)[] = [];
  await using _other = await openServer(2601, (incoming, outgoing) => {
    tokens.push(incoming.headers.authorization);
    outgoing.end();
  });
  await using _front = await openServer(2600, (incoming, outgoing) => {
    const place = incoming.url?.startsWith("/moved") ? "http://127.0.0.1:2601/" : "/moved/";
    outgoing.writeHead(308, { location: place }).end();
  });
  const delivery = await notifierAt("http://127.0.0.1:2600", new Secret("tk_a")).deliver(MESSAGE);
  assert.ok(delivery.kind === "refused");
  assert.match(delivery.why, /308 \(a redirect to http:\/\/127\.0\.0\.1:2601\/\)/);
  assert.deepEqual(tokens, []);
  assert.deepEqual(await lab.ntfy.messages(TOPIC), []);
});

test("takes a password out of the address and never shows it", async () => {
  await using _lab = await openLab({ parts: [] });
  const seen: (string | undefined)[] = [];
  await using _server = await openServer(2600, (incoming, outgoing) => {
    seen.push(incoming.headers.authorization);
    outgoing.writeHead(500).end();
  });
  const delivery = await notifierAt("http://ann:hunter2@127.0.0.1:2600").deliver(MESSAGE);
  assert.deepEqual(seen, [`Basic ${Buffer.from("ann:hunter2").toString("base64")}`]);
  assert.doesNotMatch(JSON.stringify(delivery), /hunter2/);
});
