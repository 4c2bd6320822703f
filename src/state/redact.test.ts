import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Secret } from "../values/secret.ts";
import { redact, redactText } from "./redact.ts";

const HIDDEN = "[redacted]";

test("a Secret never shows, however deep it is", () => {
  assert.deepEqual(redact({ list: [{ value: new Secret("hunter2") }] }), {
    list: [{ value: HIDDEN }],
  });
});

test("values of keys that look like credentials are hidden, whole", () => {
  for (const key of [
    "password",
    "POSTGRES_PASSWORD",
    "dbPasswd",
    "token",
    "NTFY_TOKEN",
    "clientSecret",
    "apiKey",
    "api_key",
    "Authorization",
    "cookie",
    "Env",
    "credentials",
    "private-key",
  ]) {
    assert.deepEqual(redact({ [key]: "x1" }), { [key]: HIDDEN }, key);
    assert.deepEqual(redact({ [key]: ["A=x1"] }), { [key]: HIDDEN }, key);
  }
});

test("ordinary keys, numbers and flags stay readable", () => {
  const entry = {
    container: "web",
    author: "x",
    tokenCount: 3,
    hasPassword: false,
    token: null,
    digest: `sha256:${"a".repeat(64)}`,
    durationMs: 12.5,
  };
  assert.deepEqual(redact(entry), entry);
});

test("credentials inside texts are hidden", () => {
  for (const [text, expected] of [
    ["GET https://user:pa55@ntfy/x failed", `GET https://${HIDDEN}@ntfy/x failed`],
    ["https://tk_abc@ntfy/", `https://${HIDDEN}@ntfy/`],
    ["header Authorization: Bearer tk_abcdef", `header Authorization: Bearer ${HIDDEN}`],
    ["basic dXNlcjpwYXNz", `basic ${HIDDEN}`],
    ["PGPASSWORD=pa55 psql", `PGPASSWORD=${HIDDEN} psql`],
    ['{"password":"pa55","a":1}', `{"password":${HIDDEN},"a":1}`],
    ["--token 'tk abc'", "--token 'tk abc'"],
    ["nothing to hide: 12 of 14", "nothing to hide: 12 of 14"],
  ]) {
    assert.equal(redactText(text ?? ""), expected);
  }
});

test("registered secrets are hidden wherever they appear, the longest first", () => {
  const secrets = new Set(["hunter2", "hunter2-extended", "abc"]);
  assert.equal(redactText("x1y2 and abc", new Set(["x1y2", "abc"])), `${HIDDEN} and abc`);
  assert.equal(
    redactText("a hunter2-extended and a hunter2; abc", secrets),
    `a ${HIDDEN} and a ${HIDDEN}; abc`,
  );
  assert.deepEqual(redact({ "key-hunter2": ["x hunter2"] }, secrets), {
    [`key-${HIDDEN}`]: [`x ${HIDDEN}`],
  });
});

test("errors are told by name and message, without secrets", () => {
  const error = new TypeError("connecting to https://u:p4ss@db failed");
  assert.deepEqual(redact({ error }), {
    error: { name: "TypeError", message: `connecting to https://${HIDDEN}@db failed` },
  });
});

test("no text takes long, however it is made", () => {
  const startedMs = performance.now();
  for (const piece of ["x", "a.", "token", "password=", "bearer ", "://", '"token":"', "'=", " "]) {
    redactText(piece.repeat(1024 * 1024));
  }
  const elapsedMs = performance.now() - startedMs;
  assert.ok(elapsedMs < 5_000, `${elapsedMs} ms`);
});

test("circles and depths end", () => {
  const circle: Record<string, unknown> = {};
  circle.self = circle;
  assert.match(JSON.stringify(redact(circle)), /\[redacted\]/);
});

test("whatever is logged, a registered secret is not in it", () => {
  const secret = "s3cr3t-value";
  const leaf = fc.oneof(fc.string(), fc.constant(`x${secret}y`), fc.integer(), fc.constant(null));
  const values = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(fc.oneof(fc.string(), fc.constant(secret)), tie("value"), { maxKeys: 3 }),
    ),
  })).value;
  fc.assert(
    fc.property(values, (value) => {
      const text = JSON.stringify(redact(value, new Set([secret])));
      assert.ok(!text.includes(secret));
    }),
    { numRuns: 1000 },
  );
});
