/** Written into a cold copy when it is complete and verified: without it, it is none. */
export interface SnapshotManifest {
  schema: 1;
  kind: "snapshot";
  host: string;
  container: string;
  createdAt: string;
  sizeBytes: number;
  files: number;
  /** Count, bytes and checksum of the list of files; missing in the oldest copies. */
  listing?: string;
  /** Checksum of every byte; missing until the update has ended, and after one that failed. */
  content?: string;
  serverVersion: string;
  major: number;
  systemIdentifier: string;
  /** As `pg_controldata` has it; the copy must be of a server that was shut down. */
  checkpoint: string;
  databases: readonly string[];
  /** The image that the data directory belongs to. */
  imageId: string;
  /** What its texts are sorted by, as `readImageFacts` names it; missing in older copies. */
  distribution?: string;
  libc?: string;
}

export const SNAPSHOT_MANIFEST = "snapshot.json";

/** The copied data directory, whole or half: it belongs to the server's user. */
export function isCopiedData(path: string): boolean {
  return /\.cold(\.partial)?\/data$/.test(path);
}

/** Reads a snapshot's manifest; null where the text is none of ours. */
export function parseSnapshot(text: string): SnapshotManifest | null {
  try {
    const parsed = JSON.parse(text) as Partial<SnapshotManifest> | null;
    const isOurs =
      parsed?.schema === 1 &&
      parsed.kind === "snapshot" &&
      typeof parsed.systemIdentifier === "string" &&
      typeof parsed.checkpoint === "string";
    return isOurs ? (parsed as SnapshotManifest) : null;
  } catch {
    return null;
  }
}
