import assert from "node:assert/strict";
import { test } from "node:test";
import type { ContainerInspect } from "../ports.ts";
import { oneLine, redactorFor } from "./evidence.ts";

function containerWith(env: string[]): ContainerInspect {
  return { Name: "/miniflux", Config: { Env: env } } as unknown as ContainerInspect;
}

test("no value of the container's environment stays in a text", () => {
  const redact = redactorFor(
    containerWith(["TOKEN=canary-one", "DB=postgres://app:can%40ary@db/app", "EMPTY=", "MODE=on"]),
  );
  assert.equal(redact("bad token canary-one!"), "bad token [redacted]!");
  assert.equal(redact("login with can@ary or can%40ary"), "login with [redacted] or [redacted]");
  assert.equal(redact("MODE=on"), "MODE=on");
});

test("the container's own name is no secret, even where a variable repeats it", () => {
  const redact = redactorFor(containerWith(["POSTGRES_USER=miniflux", "POSTGRES_DB=miniflux-db"]));
  assert.equal(redact("role miniflux, database miniflux-db"), "role miniflux, database [redacted]");
});

test("what every image sets is no secret", () => {
  const redact = redactorFor(containerWith(["PATH=/usr/local/bin:/usr/bin", "TZ=Europe/Berlin"]));
  assert.equal(redact("zone Europe/Berlin"), "zone Europe/Berlin");
});

test("a line of evidence has no control characters and a bounded length", () => {
  assert.equal(oneLine("\u001b[31mred\u001b[0m\r\nnext\u0007\u202e"), "red next");
  assert.equal(oneLine("\u001b]0;title\u0007text"), "text");
  assert.equal(oneLine("x".repeat(300), 10), "xxxxxxxxx…");
});
