import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { lstat, mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Transform, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import type { DumpFiles, DumpReading, ListedFile, PartialFile } from "../../ports.ts";
import { syncFolder, writeFileAtomically } from "../../state/files.ts";

/** Dependents may be stopped while a dump is written: half the time of level 6, a little bigger. */
const GZIP_LEVEL = 3;
const CHUNK_BYTES = 256 * 1024;
const GZIP_MAGIC = Buffer.from([0x1f, 0x8b]);
const LARGEST_MANIFEST_BYTES = 64 * 1024 * 1024;
const MOST_FILES = 20_000;

/** Dumps and snapshots in folders of this machine. */
export function createDumpFiles(): DumpFiles {
  return {
    ...{ openPartial, read, measure, publish, readText, list, remove, makeFolder, renameFolder },
    write: async (path, text) => writeFileAtomically(path, text),
  };
}

async function openPartial(
  path: string,
  options: { isCompressed: boolean; onContent: (chunk: Buffer) => void },
): Promise<PartialFile> {
  const partial = `${path}.partial`;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const hash = createHash("sha256");
  let sizeBytes = 0;
  const tap = new Transform({
    highWaterMark: CHUNK_BYTES,
    transform(chunk: Buffer, _encoding, done) {
      options.onContent(chunk);
      done(null, chunk);
    },
  });
  const count = new Transform({
    highWaterMark: CHUNK_BYTES,
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      sizeBytes += chunk.length;
      done(null, chunk);
    },
  });
  const file = createWriteStream(partial, { flags: "w", mode: 0o600, flush: true });
  const gzip = createGzip({ level: GZIP_LEVEL, chunkSize: CHUNK_BYTES });
  const streams = options.isCompressed ? [tap, gzip, count, file] : [tap, count, file];
  const written = pipeline(streams as [Transform, Transform, Writable]);
  // Told by `finish`; until then the sink itself carries the error to who writes into it.
  written.catch((error: Error) => tap.destroy(error));
  return {
    sink: tap,
    async finish() {
      await written;
      return { sizeBytes, sha256: hash.digest("hex") };
    },
    async discard() {
      tap.destroy();
      await written.catch(() => {});
      await rm(partial, { force: true });
    },
  };
}

async function read(path: string, onRead?: (readBytes: number) => void): Promise<DumpReading> {
  const isCompressed = await startsWithGzip(path);
  const hash = createHash("sha256");
  let sizeBytes = 0;
  const count = new Transform({
    highWaterMark: CHUNK_BYTES,
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      sizeBytes += chunk.length;
      onRead?.(sizeBytes);
      done(null, chunk);
    },
  });
  const file = createReadStream(path, { highWaterMark: CHUNK_BYTES });
  const content = isCompressed
    ? createGunzip({ chunkSize: CHUNK_BYTES })
    : new Transform({
        highWaterMark: CHUNK_BYTES,
        transform: (chunk: Buffer, _encoding, done) => done(null, chunk),
      });
  const done = pipeline([file, count, content] as [typeof file, Transform, Transform]);
  // The reader meets the same error where it reads.
  done.catch(() => {});
  return {
    content,
    isCompressed,
    async end() {
      await done;
      return { sizeBytes, sha256: hash.digest("hex") };
    },
  };
}

async function measure(path: string): Promise<{ sizeBytes: number; sha256: string }> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES })) {
    hash.update(chunk);
    sizeBytes += chunk.length;
  }
  return { sizeBytes, sha256: hash.digest("hex") };
}

async function startsWithGzip(path: string): Promise<boolean> {
  const file = await open(path, "r");
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer.equals(GZIP_MAGIC);
  } finally {
    await file.close();
  }
}

/** The manifest first: a dump under its own name always has one. */
async function publish(path: string, manifest: { path: string; text: string }): Promise<void> {
  writeFileAtomically(manifest.path, manifest.text);
  await rename(`${path}.partial`, path);
  syncFolder(dirname(path));
}

async function readText(path: string): Promise<string | null> {
  try {
    if ((await lstat(path)).size > LARGEST_MANIFEST_BYTES) return null;
    return await readFile(path, "utf8");
  } catch (error) {
    if (hasCode(error, "ENOENT")) return null;
    throw error;
  }
}

/** Regular files below a folder, by path; none where there is no folder. Links are not followed. */
async function list(
  folder: string,
  depth: number,
  isLeftOut: (path: string) => boolean = () => false,
): Promise<ListedFile[]> {
  const names = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  });
  const files: ListedFile[] = [];
  for (const entry of names.toSorted((left, right) => (left.name < right.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && depth > 1 && !isLeftOut(path)) {
      files.push(...(await listReadable(path, depth - 1, isLeftOut)));
    } else if (entry.isFile()) {
      const { size, mtimeMs } = await lstat(path);
      files.push({ path, sizeBytes: size, modifiedAtMs: mtimeMs });
    }
    if (files.length >= MOST_FILES) break;
  }
  return files;
}

/** What this user may not read, it could not restore either. */
async function listReadable(...[folder, ...rest]: Parameters<typeof list>): Promise<ListedFile[]> {
  return await list(folder, ...rest).catch((error: unknown) => {
    if (hasCode(error, "EACCES")) return [];
    throw error;
  });
}

async function remove(path: string): Promise<void> {
  await rm(path, { force: true });
}

async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
}

async function renameFolder(from: string, to: string): Promise<void> {
  await rename(from, to);
  syncFolder(dirname(to));
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
