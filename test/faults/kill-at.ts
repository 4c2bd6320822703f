/**
 * Preloaded into pratique by the fault tests (`NODE_OPTIONS=--import`): ends the process without
 * warning right after the journal commit with the number in PRATIQUE_TEST_KILL_AT, and notes what
 * that commit was in the file PRATIQUE_TEST_STEPS.
 */
import { appendFileSync } from "node:fs";

interface JournalEvent {
  operationId: string;
  entry: string;
  container: string | null;
}

const killAt = Number(process.env.PRATIQUE_TEST_KILL_AT ?? 0);
/** Later than the commit, in the middle of what the step does. */
const delayMs = Number(process.env.PRATIQUE_TEST_KILL_DELAY_MS ?? 0);
const stepsFile = process.env.PRATIQUE_TEST_STEPS;
let count = 0;

Reflect.set(globalThis, Symbol.for("pratique.onStep"), ({ entry, container }: JournalEvent) => {
  count += 1;
  if (stepsFile !== undefined) appendFileSync(stepsFile, `${count} ${entry} ${container ?? ""}\n`);
  if (count !== killAt) return;
  if (delayMs === 0) process.kill(process.pid, "SIGKILL");
  setTimeout(() => process.kill(process.pid, "SIGKILL"), delayMs);
});
