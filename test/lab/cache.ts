/** The lab's downloads: kept outside the checkout, made once, shared by all checkouts. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pollUntil } from "./poll-until.ts";

/** Something that takes long to make and never changes afterwards. */
export interface CachedPart {
  /** Also the beginning of its folder's name. */
  name: string;
  /** What it is made from; another recipe makes another folder. */
  recipe: unknown;
  /** Fills the (empty) folder. `scratch` is removed afterwards. */
  make(folder: string, scratch: string): Promise<void>;
}

/** A machine under load needs a few minutes; longer means that the other preparation hangs. */
const LOCK_TIMEOUT_MS = 15 * 60_000;

export function cacheFolder(): string {
  const base = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
  return join(base, "pratique-lab");
}

/** Where a prepared part is. Throws with the way out when it is not there. */
export function preparedFolder(part: CachedPart): string {
  const folder = folderOf(part);
  if (!existsSync(folder)) {
    throw new Error(`The lab lacks "${part.name}" in ${folder}. Run: npm run lab:prepare`);
  }
  return folder;
}

/** Makes a part unless it is there. Preparations at the same time wait for each other. */
export async function preparePart(part: CachedPart, say: (line: string) => void): Promise<string> {
  const folder = folderOf(part);
  if (existsSync(folder)) return folder;
  mkdirSync(cacheFolder(), { recursive: true });
  using _lock = await lock(part.name, say);
  if (existsSync(folder)) return folder;

  const startMs = performance.now();
  say(`${part.name}: preparing`);
  // The lock is ours, so whatever lies here is left from a preparation that was killed, or old.
  for (const name of readdirSync(cacheFolder())) {
    if (isOf(part, name)) rmSync(join(cacheFolder(), name), { recursive: true, force: true });
  }
  const work = join(cacheFolder(), `${part.name}.unfinished`);
  const scratch = join(cacheFolder(), `${part.name}.scratch`);
  mkdirSync(work);
  mkdirSync(scratch);
  try {
    await part.make(work, scratch);
    writeFileSync(join(work, "recipe.json"), `${JSON.stringify(part.recipe, null, 2)}\n`);
    renameSync(work, folder);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
    rmSync(work, { recursive: true, force: true });
  }
  say(`${part.name}: ready after ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
  return folder;
}

function folderOf(part: CachedPart): string {
  const stamp = createHash("sha256").update(JSON.stringify(part.recipe)).digest("hex");
  return join(cacheFolder(), `${part.name}-${stamp.slice(0, 12)}`);
}

function isOf(part: CachedPart, name: string): boolean {
  if (name === `${part.name}.unfinished` || name === `${part.name}.scratch`) return true;
  return (
    name.startsWith(`${part.name}-`) && /^[0-9a-f]{12}$/.test(name.slice(part.name.length + 1))
  );
}

/** An exclusive transaction held open: the operating system frees it when its process dies. */
async function lock(name: string, say: (line: string) => void): Promise<Disposable> {
  let hasWaited = false;
  const database = await pollUntil(`the lock of ${name}`, LOCK_TIMEOUT_MS, () => {
    const candidate = new DatabaseSync(join(cacheFolder(), `${name}.lock`));
    try {
      candidate.exec("PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE");
      return candidate;
    } catch {
      candidate.close();
      if (!hasWaited) say(`${name}: waiting for another preparation`);
      hasWaited = true;
      return undefined;
    }
  });
  return { [Symbol.dispose]: () => database.close() };
}
