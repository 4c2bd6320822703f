/**
 * Layers are kept compressed while they are unpacked, and unpack to about two and a half times
 * their size: images of Debian, Alpine and language runtimes lie between 2.2 and 3.
 */
const BYTES_PER_DOWNLOADED_BYTE = 3.5;

/** What stays free for the journal, dumps and everything else that runs here. */
const RESERVE_BYTES = 1024 ** 3;

/**
 * Why a download does not fit where the engine keeps images; null when it does, or when nobody
 * can say how much is free (a remote engine): then the engine's own error is what is left.
 */
export function decideSpace(facts: {
  /** Compressed, of the layers to fetch. */
  downloadBytes: number;
  freeBytes: number | null;
  reserveBytes?: number;
}): string | null {
  const reserveBytes = facts.reserveBytes ?? RESERVE_BYTES;
  const neededBytes = Math.ceil(facts.downloadBytes * BYTES_PER_DOWNLOADED_BYTE) + reserveBytes;
  if (facts.freeBytes === null || facts.freeBytes >= neededBytes) return null;
  return `The download of ${megabytes(facts.downloadBytes)} needs ${megabytes(neededBytes)} free with the reserve of ${megabytes(reserveBytes)}; there are ${megabytes(facts.freeBytes)}.`;
}

function megabytes(sizeBytes: number): string {
  return `${Math.ceil(sizeBytes / 1_000_000)} MB`;
}
