/**
 * Preloaded into pratique (`NODE_OPTIONS=--import`): right after the journal commit with the number,
 * or the first one with the name, in PRATIQUE_TEST_FILL_AT it fills the file system of the folder PRATIQUE_TEST_FILL, but for
 * PRATIQUE_TEST_FILL_LEFT pages. The names of all commits go to the file PRATIQUE_TEST_STEPS.
 */
import { appendFileSync, closeSync, openSync, truncateSync, writeSync } from "node:fs";
import { join } from "node:path";

const PAGE = Buffer.alloc(4096, 1);
const fillAt = process.env.PRATIQUE_TEST_FILL_AT;
const leftPages = Number(process.env.PRATIQUE_TEST_FILL_LEFT ?? 0);
const filler = join(process.env.PRATIQUE_TEST_FILL ?? "", "filler");
const stepsFile = process.env.PRATIQUE_TEST_STEPS;
let count = 0;
let isFull = false;

Reflect.set(globalThis, Symbol.for("pratique.onStep"), ({ entry }: { entry: string }) => {
  count += 1;
  if (stepsFile !== undefined) appendFileSync(stepsFile, `${count} ${entry}\n`);
  if (isFull || (fillAt !== String(count) && fillAt !== entry)) return;
  isFull = true;
  fill();
});

function fill(): void {
  const file = openSync(filler, "w");
  let sizeBytes = 0;
  try {
    for (const bytes of [Buffer.alloc(256 * PAGE.length, 1), PAGE])
      sizeBytes += writeAll(file, bytes);
  } finally {
    closeSync(file);
  }
  truncateSync(filler, Math.max(0, sizeBytes - leftPages * PAGE.length));
}

/** Until the disk takes no more; a short write is not an error yet. */
function writeAll(file: number, bytes: Buffer): number {
  let sizeBytes = 0;
  for (;;) {
    try {
      sizeBytes += writeSync(file, bytes);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOSPC") return sizeBytes;
      throw error;
    }
  }
}
