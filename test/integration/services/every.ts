/** All tests of this folder by one process, in one lab. `node test/run.ts FILE` runs one of them. */
import { globSync } from "node:fs";
import { join } from "node:path";

for (const file of globSync("*.test.ts", { cwd: import.meta.dirname }).sort()) {
  await import(join(import.meta.dirname, file));
}
