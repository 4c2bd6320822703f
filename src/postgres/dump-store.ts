/** What lies below `backups.postgres`: which files are dumps, which of them are ours, retention. */
import { basename, dirname, join } from "node:path";
import type { Config } from "../config/config.ts";
import { BACKUP_FILES_FAILED, BACKUP_FOLDER_MISSING } from "../errors.ts";
import type { DumpFiles, ListedFile } from "../ports.ts";
import { type DumpManifest, manifestPath, type Occasion, parseManifest } from "./dump-manifest.ts";
import {
  isCopiedData,
  parseSnapshot,
  SNAPSHOT_MANIFEST,
  type SnapshotManifest,
} from "./snapshot-manifest.ts";

const SEARCH_DEPTH = 6;
/** Dumps by hand are called all kinds of things; snapshots' own files are none of them. */
const DUMP_NAMES = /\.(sql|dump|pgdump|backup)(\.gz)?$/i;
/** Only these can be left-overs of ours. */
const OWN_PARTIAL = /-\d{8}T\d{6}Z(-\d+)?(\.[^/]+)?\.(sql\.gz|dump)\.partial$/;

/** One thing that can be restored. */
export type StoredBackup =
  | {
      kind: "dump";
      path: string;
      sizeBytes: number;
      createdAtMs: number;
      manifest: DumpManifest | null;
    }
  | {
      kind: "snapshot";
      path: string;
      sizeBytes: number;
      createdAtMs: number;
      manifest: SnapshotManifest;
    };

/** The configured folder. Throws BACKUP_FOLDER_MISSING. */
export function backupFolder({ backups }: Pick<Config, "backups">): string {
  if (backups.postgres === null) throw BACKUP_FOLDER_MISSING();
  return backups.postgres;
}

/** A new file's path: `daily/postgres-20261121T033000Z.sql.gz`. */
export function dumpPath(
  folder: string,
  about: { occasion: Occasion; container: string; atMs: number; database?: string },
): string {
  const base = `${about.container}-${stamp(about.atMs)}`;
  const name =
    about.database === undefined
      ? `${base}.sql.gz`
      : `${base}.${encodeURIComponent(about.database).replaceAll(".", "%2E")}.dump`;
  return join(folder, about.occasion, name);
}

/** `20261121T033000Z`: sorts by time, fits every file system. */
export function stamp(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, "")}Z`;
}

/** Work on the files of a backup folder; throws BACKUP_FILES_FAILED where they do not let it. */
export async function withBackupFiles<Result>(
  folder: string,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    const isFileError = error instanceof Error && "syscall" in error;
    throw isFileError ? BACKUP_FILES_FAILED.because(error, folder, error.message) : error;
  }
}

/**
 * Everything restorable below the folder, newest first, also what pratique did not make. Throws
 * BACKUP_FILES_FAILED.
 */
export async function listStored(folder: string, files: DumpFiles): Promise<StoredBackup[]> {
  return await withBackupFiles(folder, () => findStored(folder, files));
}

async function findStored(folder: string, files: DumpFiles): Promise<StoredBackup[]> {
  const listed = await files.list(folder, SEARCH_DEPTH, isCopiedData);
  const snapshots = await readSnapshots(listed, files);
  const found: StoredBackup[] = [...snapshots];
  for (const file of listed) {
    if (!DUMP_NAMES.test(file.path)) continue;
    if (snapshots.some(({ path }) => file.path.startsWith(`${path}/`))) continue;
    const manifest = await readManifest(file.path, files);
    found.push({
      kind: "dump",
      path: file.path,
      sizeBytes: file.sizeBytes,
      createdAtMs: manifest === null ? file.modifiedAtMs : Date.parse(manifest.createdAt),
      manifest,
    });
  }
  return found.toSorted((left, right) => right.createdAtMs - left.createdAtMs);
}

async function readSnapshots(
  listed: readonly ListedFile[],
  files: DumpFiles,
): Promise<Extract<StoredBackup, { kind: "snapshot" }>[]> {
  const found: Extract<StoredBackup, { kind: "snapshot" }>[] = [];
  for (const { path } of listed.filter((file) => basename(file.path) === SNAPSHOT_MANIFEST)) {
    const manifest = parseSnapshot((await files.readText(path)) ?? "");
    const folder = dirname(path);
    if (manifest === null || folder.endsWith(".partial")) continue;
    const createdAtMs = Date.parse(manifest.createdAt);
    found.push({
      kind: "snapshot",
      path: folder,
      sizeBytes: manifest.sizeBytes,
      createdAtMs,
      manifest,
    });
  }
  return found;
}

/** The manifest beside a dump; null for a file that pratique did not make. */
export async function readManifest(path: string, files: DumpFiles): Promise<DumpManifest | null> {
  const text = await files.readText(manifestPath(path));
  return text === null ? null : parseManifest(text);
}

/**
 * Removes dumps and snapshots of ours beyond `keep`, oldest first, and partial files that a crash
 * left. Files without our manifest are never touched, `manual/` never is either. Snapshots stay
 * where nobody is given who may remove what belongs to the server's user. Returns what went; throws
 * BACKUP_FILES_FAILED.
 */
export async function dropOldDumps(
  folder: string,
  about: { occasion: "daily" | "pre-update"; container: string; host: string; keep: number },
  files: DumpFiles,
  removeSnapshots: ((paths: readonly string[]) => Promise<void>) | null = null,
): Promise<string[]> {
  const own = join(folder, about.occasion);
  // Another size than its manifest's: somebody put a file of theirs in its place.
  const isOurs = ({ kind, path, sizeBytes, manifest }: StoredBackup) =>
    manifest?.container === about.container &&
    manifest.host === about.host &&
    dirname(path) === own &&
    (kind === "snapshot" || manifest.sizeBytes === sizeBytes);
  const stored = (await listStored(own, files)).filter(isOurs);
  const old = (kind: StoredBackup["kind"]) => {
    const ofKind = stored.filter((each) => each.kind === kind);
    return beyond(ofKind, about.keep).map(({ path }) => path);
  };
  const dumps = old("dump");
  const snapshots = removeSnapshots === null ? [] : old("snapshot");
  await withBackupFiles(own, async () => {
    for (const path of dumps) {
      await files.remove(path);
      await files.remove(manifestPath(path));
    }
  });
  await removeSnapshots?.(snapshots);
  await dropPartials(own, about.container, files);
  return [...dumps, ...snapshots];
}

/**
 * Removes what a dump of ours left when its process was killed. Needs the host lock. Throws
 * BACKUP_FILES_FAILED.
 */
export async function dropPartials(
  folder: string,
  container: string,
  files: DumpFiles,
): Promise<void> {
  await withBackupFiles(folder, async () => {
    for (const { path } of await files.list(folder, 1)) {
      const isLeftOver = basename(path).startsWith(`${container}-`) && OWN_PARTIAL.test(path);
      if (isLeftOver) await files.remove(path);
    }
  });
}

/** Files made together (one per database) count as one. */
function beyond(stored: readonly StoredBackup[], keep: number): StoredBackup[] {
  const moments = [...new Set(stored.map(({ createdAtMs }) => createdAtMs))].toSorted(
    (left, right) => right - left,
  );
  const kept = new Set(moments.slice(0, keep));
  return stored.filter(({ createdAtMs }) => !kept.has(createdAtMs));
}
