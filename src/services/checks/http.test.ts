import assert from "node:assert/strict";
import { test } from "node:test";
import type { HttpAnswer, HttpRequest } from "../../ports.ts";
import type { CheckContext } from "./check.ts";
import { expecting, expectingJson, expectingText, httpCheck, isSuccess } from "./http.ts";

function answer(status: number, body = "", truncated = false): HttpAnswer {
  return { kind: "answer", status, headers: {}, body, truncated, durationMs: 1 };
}

/** Answers 200 and keeps what was asked. */
function contextThatKeeps(asked: HttpRequest[]): CheckContext {
  return {
    probes: {
      http: async (request: HttpRequest) => {
        asked.push(request);
        return answer(200);
      },
    },
    engine: { inspectContainer: async () => null },
    clock: { monotonicMs: () => 0 },
    vantage: { kind: "host" },
    container: { Name: "/app", HostConfig: {} },
    redact: (text: string) => text,
    timeoutMs: 1000,
  } as unknown as CheckContext;
}

test("user, password and query of an address are sent, and shown nowhere", async () => {
  const asked: HttpRequest[] = [];
  const url = "http://me:can%40ary@app.example:81/path?token=canary#part";
  const check = httpCheck(contextThatKeeps(asked), { isRequired: true, request: { url } });
  const outcome = await check.run();
  assert.equal(check.name, "GET http://app.example:81/path");
  assert.match(outcome.evidence, /^GET http:\/\/app\.example:81\/path: 200 in 1 ms$/);
  const [request] = asked;
  assert.equal(request?.url, "http://app.example:81/path?token=canary#part");
  const expected = `Basic ${Buffer.from("me:can@ary").toString("base64")}`;
  assert.equal(request?.headers?.authorization, expected);
  assert.equal(request?.anyCertificate, false, "another host must have a valid certificate");
});

test("an answer is right by its status, its text and its JSON", () => {
  assert.equal(isSuccess(answer(302)), null);
  assert.match(isSuccess(answer(404)) ?? "", /expected 2xx or 3xx/);
  assert.equal(expecting([404, 401], null)(answer(401)), null);
  assert.match(expecting([404, 401], null)(answer(200)) ?? "", /expected 404 or 401/);
  assert.equal(expecting([], "well")(answer(200, "all well")), null);
  assert.match(expecting([], "well")(answer(200, "ill")) ?? "", /does not contain "well"/);
  assert.equal(expectingText("OK")(answer(200, "OK\n")), null);
  assert.match(expectingText("OK")(answer(200, "no")) ?? "", /expected OK, got "no"/);
  const json = expectingJson((body) => ("a" in (body as object) ? null : "no a"));
  assert.equal(json(answer(200, '{"a":1}')), null);
  assert.equal(json(answer(200, '{"b":1}')), "no a");
  assert.match(json(answer(200, "1")) ?? "", /not an object/);
  assert.match(json(answer(200, "{")) ?? "", /not JSON/);
  assert.match(json(answer(200, '{"a":', true)) ?? "", /too long/);
  assert.match(json(answer(500, '{"a":1}')) ?? "", /expected 2xx/);
});
