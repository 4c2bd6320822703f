import { basename, dirname, join, resolve } from "node:path";
import { DUMP_DAMAGED } from "../errors.ts";
import type { DumpFiles } from "../ports.ts";
import { parseSnapshot, SNAPSHOT_MANIFEST, type SnapshotManifest } from "./snapshot-manifest.ts";
import { type VerifiedDump, verifyDump } from "./verify-dump.ts";

/** What a whole cluster can be restored from, read to its end. */
export type RestoreSource = {
  path: string;
  /** Container that it was made of; null where it does not say. */
  container: string | null;
  databases: readonly string[];
  neededBytes: number;
} & ({ kind: "dump"; dump: VerifiedDump } | { kind: "snapshot"; manifest: SnapshotManifest });

/**
 * Verifies a dump before anything stops; of a cold copy only its manifest is read here, its files
 * need a helper (`assessPlace`). Throws DUMP_DAMAGED.
 */
export async function restoreSource(given: string, files: DumpFiles): Promise<RestoreSource> {
  const path = basename(given) === SNAPSHOT_MANIFEST ? dirname(resolve(given)) : resolve(given);
  const text = await files.readText(join(path, SNAPSHOT_MANIFEST)).catch(() => null);
  const snapshot = text === null ? null : parseSnapshot(text);
  if (snapshot !== null) {
    const { container, databases, sizeBytes: neededBytes } = snapshot;
    return { kind: "snapshot", path, container, databases, neededBytes, manifest: snapshot };
  }
  const dump = await verifyDump(path, files);
  if (dump.contents?.kind !== "cluster") {
    throw DUMP_DAMAGED(path, "it holds one database; use `pratique rollback database`");
  }
  if (dump.contents.hasTablespaces) {
    throw DUMP_DAMAGED(path, "it needs tablespaces outside the data directory; restore it by hand");
  }
  return {
    ...{ kind: "dump", path, dump, container: dump.manifest?.container ?? null },
    databases: dump.contents.databases.map(({ name }) => name ?? "").filter((name) => name !== ""),
    // Indexes come on top of what the text holds.
    neededBytes: dump.contents.sqlBytes * 2,
  };
}
