import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseChallenge } from "./challenge.ts";

test("reads realm, service and scope of a Bearer challenge", () => {
  assert.deepEqual(
    parseChallenge(
      'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/nginx:pull"',
    ),
    {
      scheme: "bearer",
      realm: "https://auth.docker.io/token",
      service: "registry.docker.io",
      scope: "repository:library/nginx:pull",
    },
  );
});

test("accepts unquoted values, spaces, escapes and upper case", () => {
  assert.deepEqual(parseChallenge('BEARER Realm = "https://a/\\"t\\"" , SERVICE=quay.io'), {
    scheme: "bearer",
    realm: 'https://a/"t"',
    service: "quay.io",
    scope: null,
  });
});

test("keeps commas inside quotes together", () => {
  const challenge = parseChallenge('Bearer realm="https://a",scope="repository:x:pull,push"');
  assert.equal(challenge?.scheme === "bearer" && challenge.scope, "repository:x:pull,push");
});

test("prefers Bearer where Basic is offered too", () => {
  for (const header of [
    'Basic realm="registry", Bearer realm="https://a/token"',
    'Bearer realm="https://a/token", Basic realm="registry"',
    'Negotiate abc==, Bearer realm="https://a/token"',
  ]) {
    assert.equal(parseChallenge(header)?.scheme, "bearer", header);
  }
});

test("falls back to Basic where Bearer names no realm", () => {
  assert.deepEqual(parseChallenge("Bearer service=x, Basic"), { scheme: "basic" });
});

test("does not let a second realm replace the first", () => {
  const challenge = parseChallenge('Bearer realm="https://a",realm="https://b"');
  assert.equal(challenge?.scheme === "bearer" && challenge.realm, "https://a");
});

test("finds nothing to answer in an absent, foreign or malformed header", () => {
  for (const header of [null, undefined, "", ",,,", "Digest realm=x", 'Bearer realm="open', "=x"]) {
    assert.equal(parseChallenge(header), null, String(header));
  }
  assert.equal(parseChallenge(`Bearer realm="${"x".repeat(9000)}"`), null);
});

test("never throws and never hangs on a hostile header", () => {
  const piece = fc.constantFrom("Bearer", "Basic", " ", ",", "=", '"', "\\", "realm", "a/b==", "é");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      const challenge = parseChallenge(pieces.join(""));
      assert.ok(challenge === null || ["basic", "bearer"].includes(challenge.scheme));
    }),
  );
});
