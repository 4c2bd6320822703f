import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseRetryAfter } from "./retry-after.ts";

const NOW = Date.parse("2026-08-05T04:30:00Z");

test("reads seconds, HTTP dates and epoch seconds as a wait from now", () => {
  assert.equal(parseRetryAfter("0", NOW), 0);
  assert.equal(parseRetryAfter(" 17 ", NOW), 17_000);
  assert.equal(parseRetryAfter("Wed, 05 Aug 2026 04:31:30 GMT", NOW), 90_000);
  assert.equal(parseRetryAfter(String(NOW / 1000 + 60), NOW), 60_000);
});

test("takes a date that has passed as no wait", () => {
  assert.equal(parseRetryAfter("Wed, 05 Aug 2026 04:29:00 GMT", NOW), 0);
});

test("knows no wait where the header is absent or makes no sense", () => {
  for (const header of [null, undefined, "", "soon", "1.5", "-3", "12 s", "2026-08-05"]) {
    assert.equal(parseRetryAfter(header, NOW), null, String(header));
  }
});

test("gives null or a wait that is not negative, whatever the header says", () => {
  fc.assert(
    fc.property(fc.string(), (header) => {
      const waitMs = parseRetryAfter(header, NOW);
      assert.ok(waitMs === null || waitMs >= 0);
    }),
  );
});
