/**
 * Preloaded into pratique (`NODE_OPTIONS=--import`): its monotonic clock leaps once, by as many
 * milliseconds as the file PRATIQUE_TEST_LEAP says when it appears. What it waits for is over then.
 */
import { existsSync, readFileSync, rmSync } from "node:fs";

const file = process.env.PRATIQUE_TEST_LEAP;
const original = performance.now.bind(performance);
let aheadMs = 0;

if (file !== undefined) {
  performance.now = () => {
    if (existsSync(file)) {
      aheadMs += Number(readFileSync(file, "utf8"));
      rmSync(file);
    }
    return original() + aheadMs;
  };
}
