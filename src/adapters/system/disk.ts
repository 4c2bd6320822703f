import { readFile, realpath, statfs } from "node:fs/promises";
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

    async mountOf(path) {
      try {
        const [real, table] = await Promise.all([
          realpath(path),
          readFile("/proc/self/mountinfo", "utf8"),
        ]);
        return findMount(real, table);
      } catch {
        return null;
      }
    },
  };
}

/** The mount with the longest point above the path (proc(5), mountinfo); later ones cover others. */
export function findMount(path: string, table: string) {
  let found: { point: string; type: string; options: string[] } | null = null;
  for (const line of table.split("\n")) {
    const [own = "", source = ""] = line.split(" - ");
    const [, , , , rawPoint = "", options = ""] = own.split(" ");
    const point = rawPoint.replace(/\\(\d{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    const isAbove = point === "/" || path === point || path.startsWith(`${point}/`);
    if (rawPoint === "" || !isAbove || point.length < (found?.point.length ?? 0)) continue;
    found = { point, type: source.split(" ")[0] ?? "", options: options.split(",") };
  }
  return found === null ? null : { type: found.type, options: found.options };
}
