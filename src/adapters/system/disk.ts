import { statfs } from "node:fs/promises";
import type { Disk } from "../../ports.ts";

/** Free space as the file systems of this machine report it. */
export function createDisk(): Disk {
  return {
    async freeBytes(path) {
      try {
        const { bavail, bsize } = await statfs(path);
        return bavail * bsize;
      } catch {
        return null;
      }
    },
  };
}
