import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import test from "node:test";
import { listenForStop } from "./stop-signal.ts";

class Ended extends Error {}

function source() {
  const emitter = new EventEmitter();
  const exits: number[] = [];
  const exit = (code: number): never => {
    exits.push(code);
    throw new Ended();
  };
  return { emitter, exits, process: Object.assign(emitter, { exit }) };
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  test(`the first ${signal} asks to stop, the second ends with the command to recover`, () => {
    const { emitter, exits, process } = source();
    const said: string[] = [];
    const stop = listenForStop(process, (line) => said.push(line));
    assert.equal(stop.signal.aborted, false);
    emitter.emit(signal, signal);
    assert.equal(stop.signal.reason, signal);
    assert.deepEqual(exits, []);
    assert.throws(() => emitter.emit("SIGINT", "SIGINT"), Ended);
    assert.deepEqual(exits, [130]);
    assert.match(said.at(-1) ?? "", /pratique recover/);
  });
}

test("after the run the signals have their usual meaning again", () => {
  const { emitter, process } = source();
  listenForStop(process, () => {}).dispose();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    assert.equal(emitter.listenerCount(signal), 0);
  }
});
