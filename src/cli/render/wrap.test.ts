import assert from "node:assert/strict";
import test from "node:test";
import { wrap } from "./wrap.ts";

test("a text breaks at spaces, and a word that is too long stays whole", () => {
  assert.deepEqual(wrap("not healthy within 8 s", 11), ["not healthy", "within 8 s"]);
  assert.deepEqual(wrap("see https://example.org/", 10), ["see", "https://example.org/"]);
});

test("without a width there is one line", () => {
  assert.deepEqual(wrap("a  b ".repeat(100), Number.POSITIVE_INFINITY).length, 1);
});
