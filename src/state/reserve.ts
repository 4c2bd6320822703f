// Invariants: the reserve is a file of real blocks that only keeps space; giving it up is what
// lets a roll back on a full disk still write its journal, its outcome and its message (I6).
import { closeSync, existsSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { join } from "node:path";

const RESERVE_BYTES = 4 * 1024 * 1024;
/** With less room than this the reserve would take what others need now. */
const ROOM_BYTES = 16 * RESERVE_BYTES;

export function reservePath(folder: string): string {
  return join(folder, "reserve");
}

/** Sets the reserve aside where it is missing and there is room. Never an error. */
export function keepReserve(folder: string): void {
  const path = reservePath(folder);
  if (existsSync(path)) return;
  // Loaded only for this: its import would cost every start 5 ms.
  const { randomFillSync } = process.getBuiltinModule("node:crypto");
  try {
    const { bavail, bsize } = statfsSync(folder);
    if (bavail * bsize < ROOM_BYTES) return;
    const file = openSync(path, "wx", 0o600);
    try {
      // Random bytes: a file system that compresses would keep no room for zeros.
      const bytes = randomFillSync(Buffer.alloc(RESERVE_BYTES));
      for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
    } finally {
      closeSync(file);
    }
  } catch {
    rmSync(path, { force: true });
  }
}

/** Gives the reserve up; false when there was none. */
export function releaseReserve(folder: string): boolean {
  const path = reservePath(folder);
  if (!existsSync(path)) return false;
  try {
    rmSync(path);
    return true;
  } catch {
    return false;
  }
}
