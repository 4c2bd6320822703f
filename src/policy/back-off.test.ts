import assert from "node:assert/strict";
import { test } from "node:test";
import { deliveryDelayMs } from "./back-off.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

test("delivery is tried again after 5 s, then twice as long each time, at most 15 minutes", () => {
  assert.deepEqual(
    [1, 2, 3, 9, 1000].map((failed) => deliveryDelayMs(failed, null)),
    [5_000, 10_000, 20_000, 15 * MINUTE_MS, 15 * MINUTE_MS],
  );
});

test("a server's wish is obeyed when it is longer, up to a day", () => {
  assert.equal(deliveryDelayMs(1, HOUR_MS), HOUR_MS);
  assert.equal(deliveryDelayMs(9, 1000), 15 * MINUTE_MS);
  assert.equal(deliveryDelayMs(1, Number.MAX_SAFE_INTEGER), 24 * HOUR_MS);
});
