import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { fetchBounded } from "./fetch-bounded.ts";

async function serve(context: TestContext, listener: RequestListener): Promise<URL> {
  const server = createServer(listener).unref();
  context.after(() => {
    server.close();
    server.closeAllConnections();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/secret?key=hunter2`);
}

const BOUNDS = { timeoutMs: 2_000, maxBytes: 1_000 };

test("gives status, headers and body", async (context) => {
  const url = await serve(context, (_, outgoing) => outgoing.writeHead(418, { x: "1" }).end("tea"));
  const answer = await fetchBounded(url, {}, BOUNDS);
  assert.ok(answer.kind === "answer");
  assert.deepEqual([answer.status, answer.headers.get("x"), answer.body], [418, "1", "tea"]);
});

test("takes a redirect as an answer", async (context) => {
  const url = await serve(context, (_, outgoing) =>
    outgoing.writeHead(302, { location: "/" }).end(),
  );
  const answer = await fetchBounded(url, {}, BOUNDS);
  assert.equal(answer.kind === "answer" && answer.status, 302);
});

test("reads no more than the bound of a body without end", async (context) => {
  const url = await serve(context, (_, outgoing) => {
    const timer = setInterval(() => outgoing.write("x".repeat(600)), 5);
    outgoing.on("close", () => clearInterval(timer));
  });
  const answer = await fetchBounded(url, {}, BOUNDS);
  assert.equal(answer.kind === "answer" && answer.body.length, 1_000);
});

test("gives up after the time-out, before the answer and within it", async (context) => {
  const silent = await serve(context, () => {});
  const halting = await serve(context, (_, outgoing) => void outgoing.write("x"));
  for (const url of [silent, halting]) {
    const answer = await fetchBounded(url, {}, { ...BOUNDS, timeoutMs: 150 });
    assert.ok(answer.kind === "none");
    assert.equal(answer.why, `${url.host} gave no answer within 0.15 s`);
  }
});

test("names the host and the cause of a failure, not the path", async (context) => {
  const url = await serve(context, (_, outgoing) => outgoing.destroy());
  const broken = await fetchBounded(url, {}, BOUNDS);
  assert.ok(broken.kind === "none" && broken.why.startsWith(`${url.host} cannot be reached: `));
  assert.doesNotMatch(broken.why, /hunter2|secret/);
  const refused = await fetchBounded(new URL("http://127.0.0.1:59999/"), {}, BOUNDS);
  assert.equal(
    refused.kind === "none" && refused.why,
    "127.0.0.1:59999 cannot be reached: ECONNREFUSED",
  );
});

test("rejects with the caller's reason when it is stopped", async (context) => {
  const url = await serve(context, () => {});
  const stop = new AbortController();
  const asking = fetchBounded(url, {}, { ...BOUNDS, signal: stop.signal });
  stop.abort(new Error("enough"));
  await assert.rejects(asking, /enough/);
});
