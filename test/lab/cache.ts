/** The lab's downloads: kept outside the checkout, made once, shared by all checkouts. */
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
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
const KEEP_UNUSED_MS = 7 * 24 * 60 * 60_000;
const RECIPE_FILE = "recipe.json";

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
  if (isUsable(folder)) return folder;
  mkdirSync(cacheFolder(), { recursive: true });
  using _lock = await lock(part.name, say);
  if (isUsable(folder)) return folder;

  const startMs = performance.now();
  say(`${part.name}: preparing`);
  removeOld(part);
  // Programs of a killed preparation may still write to its folders: each has its own.
  const work = mkdtempSync(join(cacheFolder(), `${part.name}.unfinished-`));
  const scratch = mkdtempSync(join(cacheFolder(), `${part.name}.unfinished-`));
  try {
    await part.make(work, scratch);
    writeFileSync(join(work, RECIPE_FILE), `${JSON.stringify(part.recipe, null, 2)}\n`);
    chmodSync(work, 0o755);
    renameSync(work, folder);
  } finally {
    for (const each of [scratch, work]) rmSync(each, { recursive: true, force: true });
  }
  say(`${part.name}: ready after ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
  return folder;
}

function folderOf(part: CachedPart): string {
  const stamp = createHash("sha256").update(JSON.stringify(part.recipe)).digest("hex");
  return join(cacheFolder(), `${part.name}-${stamp.slice(0, 12)}`);
}

/** Notes that the part was used, so that it is not taken for old. */
function isUsable(folder: string): boolean {
  if (!existsSync(folder)) return false;
  utimesSync(join(folder, RECIPE_FILE), new Date(), new Date());
  return true;
}

/**
 * Removes what killed preparations left (the lock is ours, so nobody makes this part now) and what
 * other recipes made, unless another checkout used it lately.
 */
function removeOld(part: CachedPart): void {
  for (const name of readdirSync(cacheFolder())) {
    const path = join(cacheFolder(), name);
    const isUnfinished = name.startsWith(`${part.name}.unfinished-`);
    const stamp = name.startsWith(`${part.name}-`) ? name.slice(part.name.length + 1) : "";
    const isMade = /^[0-9a-f]{12}$/.test(stamp);
    const usedMs = isMade ? statSync(join(path, RECIPE_FILE)).mtimeMs : 0;
    const isOld = isMade && Date.now() - usedMs > KEEP_UNUSED_MS;
    if (isUnfinished || isOld) rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  }
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
