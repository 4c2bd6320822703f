/**
 * Preloaded into pratique by the fault tests (`NODE_OPTIONS=--import`): ends the process without
 * warning right after the journal commit with the number in PRATIQUE_TEST_KILL_AT, or with the
 * entry in PRATIQUE_TEST_KILL_ENTRY (`deploy web`), and notes what each commit was in the file
 * PRATIQUE_TEST_STEPS. Or stops there until the file PRATIQUE_TEST_GO exists, so that something else
 * can fail exactly between two steps.
 */
import { appendFileSync, existsSync } from "node:fs";

interface JournalEvent {
  operationId: string;
  entry: string;
  container: string | null;
}

const killAt = Number(process.env.PRATIQUE_TEST_KILL_AT ?? 0);
const killEntry = process.env.PRATIQUE_TEST_KILL_ENTRY;
/** Later than the commit, in the middle of what the step does. */
const delayMs = Number(process.env.PRATIQUE_TEST_KILL_DELAY_MS ?? 0);
const stepsFile = process.env.PRATIQUE_TEST_STEPS;
const goFile = process.env.PRATIQUE_TEST_GO;
const PAUSE_MS = 20;
const LONGEST_PAUSES = 3000;
let count = 0;

/** Nothing of this process goes on meanwhile. */
function waitFor(file: string): void {
  const nothing = new Int32Array(new SharedArrayBuffer(4));
  for (let pauses = 0; pauses < LONGEST_PAUSES && !existsSync(file); pauses += 1) {
    Atomics.wait(nothing, 0, 0, PAUSE_MS);
  }
}

Reflect.set(globalThis, Symbol.for("pratique.onStep"), ({ entry, container }: JournalEvent) => {
  count += 1;
  if (stepsFile !== undefined) appendFileSync(stepsFile, `${count} ${entry} ${container ?? ""}\n`);
  if (count !== killAt && `${entry} ${container}` !== killEntry) return;
  if (goFile !== undefined) {
    waitFor(goFile);
    return;
  }
  if (delayMs === 0) process.kill(process.pid, "SIGKILL");
  setTimeout(() => process.kill(process.pid, "SIGKILL"), delayMs);
});
