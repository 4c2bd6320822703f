import assert from "node:assert/strict";
import { test } from "node:test";
import { decideSpace } from "./disk-space.ts";

const MEGABYTE = 1_000_000;

test("a download fits when its layers and the reserve do", () => {
  const needed = { downloadBytes: 100 * MEGABYTE, reserveBytes: 50 * MEGABYTE };
  assert.equal(decideSpace({ ...needed, freeBytes: 400 * MEGABYTE }), null);
  assert.equal(
    decideSpace({ ...needed, freeBytes: 400 * MEGABYTE - 1 }),
    "The download of 100 MB needs 400 MB free with the reserve of 50 MB; there are 400 MB.",
  );
});

test("there is a reserve unless told otherwise", () => {
  assert.notEqual(decideSpace({ downloadBytes: 0, freeBytes: 500 * MEGABYTE }), null);
});

test("nothing is refused when nobody can say how much is free", () => {
  assert.equal(decideSpace({ downloadBytes: 1e15, freeBytes: null }), null);
});
