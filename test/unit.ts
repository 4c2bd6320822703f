/**
 * All tests below src/ by one process: to start one for each file costs more than they do.
 * `node test/run.ts FILE` runs one of them.
 */
import { globSync } from "node:fs";
import { join, resolve } from "node:path";

const CHECKOUT = resolve(import.meta.dirname, "..");

for (const file of globSync("src/**/*.test.ts", { cwd: CHECKOUT }).sort()) {
  await import(join(CHECKOUT, file));
}
