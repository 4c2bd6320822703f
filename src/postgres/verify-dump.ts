import { DUMP_DAMAGED } from "../errors.ts";
import type { DumpFiles } from "../ports.ts";
import { contradictions, type DumpManifest } from "./dump-manifest.ts";
import { type DumpContents, DumpScan, type SectionStart } from "./dump-scan.ts";
import { readManifest } from "./dump-store.ts";

/** The custom format of pg_dump begins so; only pg_restore can read it. */
const CUSTOM_MAGIC = "PGDMP";

export interface VerifiedDump {
  path: string;
  sizeBytes: number;
  sha256: string;
  format: "plain" | "custom";
  isCompressed: boolean;
  /** Null for a file that pratique did not make. */
  manifest: DumpManifest | null;
  /** Null for the custom format: pg_restore has to read that. */
  contents: DumpContents | null;
}

/**
 * Reads a dump to its end: decompression, checksum and size against the manifest, closing line,
 * databases, roles and rows. Throws DUMP_DAMAGED with what is wrong. A custom-format file without
 * manifest is proved by pg_restore only.
 */
export async function verifyDump(
  path: string,
  files: DumpFiles,
  onSection: ((start: SectionStart) => void) | null = null,
): Promise<VerifiedDump> {
  const manifest = await readManifest(path, files);
  const scan = new DumpScan(onSection);
  let head = Buffer.alloc(0);
  let end: { sizeBytes: number; sha256: string };
  let isCompressed: boolean;
  try {
    const reading = await files.read(path);
    ({ isCompressed } = reading);
    for await (const chunk of reading.content as AsyncIterable<Buffer>) {
      if (head.length < CUSTOM_MAGIC.length) head = Buffer.concat([head, chunk.subarray(0, 8)]);
      if (!isCustom(head)) scan.push(chunk);
    }
    end = await reading.end();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw DUMP_DAMAGED.because(error, path, error.message);
  }
  if (manifest !== null && manifest.sizeBytes !== end.sizeBytes) {
    throw DUMP_DAMAGED(
      path,
      `it has ${end.sizeBytes} bytes, its manifest says ${manifest.sizeBytes}`,
    );
  }
  if (manifest !== null && manifest.sha256 !== end.sha256) {
    throw DUMP_DAMAGED(path, "its checksum is not that of its manifest");
  }
  const found = { path, ...end, isCompressed, manifest };
  if (isCustom(head)) return { ...found, format: "custom", contents: null };
  const contents = scan.end();
  if (contents.kind === null) throw DUMP_DAMAGED(path, "it is no dump of pg_dump or pg_dumpall");
  if (!contents.isComplete) throw DUMP_DAMAGED(path, "its closing line is missing: it was cut off");
  const problems = manifest === null ? [] : contradictions(manifest, contents);
  if (problems.length > 0) throw DUMP_DAMAGED(path, problems.slice(0, 5).join("; "));
  return { ...found, format: "plain", contents };
}

function isCustom(head: Buffer): boolean {
  return head.subarray(0, CUSTOM_MAGIC.length).toString("latin1") === CUSTOM_MAGIC;
}
