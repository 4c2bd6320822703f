/**
 * Preloaded into pratique by tests of the daemon (`NODE_OPTIONS=--import`): the wall clock is ahead
 * by as many milliseconds as the file PRATIQUE_TEST_CLOCK says now. Monotonic time is untouched.
 */
import { readFileSync } from "node:fs";

const RealDate = Date;
const file = process.env.PRATIQUE_TEST_CLOCK;

function now(): number {
  return RealDate.now() + (file === undefined ? 0 : Number(readFileSync(file, "utf8")));
}

globalThis.Date = new Proxy(RealDate, {
  construct(target, given, newTarget) {
    return Reflect.construct(target, given.length === 0 ? [now()] : given, newTarget);
  },
  get(target, name, receiver) {
    return name === "now" ? now : Reflect.get(target, name, receiver);
  },
});
