/**
 * Preloaded into pratique (`NODE_OPTIONS=--import`): while the file PRATIQUE_TEST_HURRY exists, its
 * monotonic clock runs a hundred times as fast, so that its patience is soon over. Timers stay: the
 * limit of a single call is what it was.
 */
import { existsSync } from "node:fs";

const SPEED = 100;
const file = process.env.PRATIQUE_TEST_HURRY;
const original = performance.now.bind(performance);
let lastMs = original();
let aheadMs = 0;

if (file !== undefined) {
  performance.now = () => {
    const nowMs = original();
    if (existsSync(file)) aheadMs += (nowMs - lastMs) * (SPEED - 1);
    lastMs = nowMs;
    return nowMs + aheadMs;
  };
}
