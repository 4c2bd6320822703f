import assert from "node:assert/strict";
import { test } from "node:test";
import { createClock } from "./clock.ts";

const clock = createClock();

test("sleeps at least as long as asked, by the monotonic clock", async () => {
  const startedMs = clock.monotonicMs();
  await clock.sleep(40);
  assert.ok(clock.monotonicMs() - startedMs >= 39);
});

test("a sleep ends with the signal's reason, at once", async () => {
  const reason = new Error("enough");
  const controller = new AbortController();
  const sleeping = clock.sleep(60_000, controller.signal);
  controller.abort(reason);
  await assert.rejects(sleeping, reason);
  await assert.rejects(clock.sleep(60_000, AbortSignal.abort(reason)), reason);
});

test("a sleep longer than a timer can be does not end at once", async () => {
  const controller = new AbortController();
  const sleeping = clock.sleep(2 ** 40, controller.signal).then(
    () => "slept",
    () => "woken",
  );
  await clock.sleep(20);
  controller.abort();
  assert.equal(await sleeping, "woken");
});
