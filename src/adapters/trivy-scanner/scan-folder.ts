import { mkdir, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { ScanFailure } from "../../ports.ts";
import { unknown } from "./database-age.ts";

/** Files of one scan; disposing it removes them. */
export interface ScanFolder extends AsyncDisposable {
  kind: "folder";
  /** Empty: Trivy reads `trivy.yaml` and `.trivyignore` where it stands without being asked. */
  work: string;
  temporary: string;
  /** Does not exist yet. */
  report: string;
}

const PREFIX = "pratique-scan-";
const LEFT_OVER_MS = 24 * 3_600_000;
/** In use by this process: a clock that is set forward makes them look old, and they are not. */
const open = new Set<string>();

/** Makes a folder below the cache folder, and removes those that a crash left there a day ago. */
export async function openScanFolder(cacheFolder: string): Promise<ScanFolder | ScanFailure> {
  try {
    await mkdir(cacheFolder, { recursive: true, mode: 0o700 });
    await removeLeftOvers(cacheFolder);
    const root = await mkdtemp(join(cacheFolder, PREFIX));
    open.add(root);
    const folder: ScanFolder = {
      kind: "folder",
      work: join(root, "work"),
      temporary: join(root, "tmp"),
      report: join(root, "report.json"),
      async [Symbol.asyncDispose]() {
        await rm(root, { recursive: true, force: true }).catch(() => {});
        open.delete(root);
      },
    };
    await mkdir(folder.work);
    await mkdir(folder.temporary);
    return folder;
  } catch (error) {
    const why = error instanceof Error ? error.message : "unknown error";
    return unknown("failed", `the scanner's cache folder cannot be used: ${why}`);
  }
}

async function removeLeftOvers(cacheFolder: string): Promise<void> {
  for (const name of await readdir(cacheFolder)) {
    if (!name.startsWith(PREFIX)) continue;
    const path = join(cacheFolder, name);
    if (open.has(path)) continue;
    const found = await stat(path).catch(() => null);
    if (found === null || Date.now() - found.mtimeMs < LEFT_OVER_MS) continue;
    await rm(path, { recursive: true, force: true });
  }
}
