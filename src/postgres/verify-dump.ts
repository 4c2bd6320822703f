import { Writable } from "node:stream";
import { DUMP_DAMAGED } from "../errors.ts";
import type { DumpFiles, ExecResult } from "../ports.ts";
import { oneLine } from "../services/evidence.ts";
import type { PostgresClient } from "./client.ts";
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
  if (manifest !== null) needSame(path, end, manifest);
  const found = { path, ...end, isCompressed, manifest };
  if (isCustom(head)) return { ...found, format: "custom", contents: null };
  const contents = scan.end();
  if (contents.kind === null) throw DUMP_DAMAGED(path, "it is no dump of pg_dump or pg_dumpall");
  if (!contents.isComplete) throw DUMP_DAMAGED(path, "its closing line is missing: it was cut off");
  const problems = manifest === null ? [] : contradictions(manifest, contents);
  if (problems.length > 0) throw DUMP_DAMAGED(path, problems.slice(0, 5).join("; "));
  return { ...found, format: "plain", contents };
}

function needSame(
  path: string,
  { sizeBytes, sha256 }: { sizeBytes: number; sha256: string },
  manifest: DumpManifest,
): void {
  if (manifest.sizeBytes !== sizeBytes) {
    throw DUMP_DAMAGED(path, `it has ${sizeBytes} bytes, its manifest says ${manifest.sizeBytes}`);
  }
  if (manifest.sha256 !== sha256) {
    throw DUMP_DAMAGED(path, "its checksum is not that of its manifest");
  }
}

/**
 * Proves a dump of ours by size and checksum alone: what is in it was proved when its manifest was
 * written. A third of the time of `verifyDump`, which takes any other file. Throws DUMP_DAMAGED.
 */
export async function verifyByManifest(path: string, files: DumpFiles): Promise<VerifiedDump> {
  const manifest = await readManifest(path, files);
  if (manifest === null || saysTooLittle(manifest)) return await verifyDump(path, files);
  const file = await files.measure(path);
  needSame(path, file, manifest);
  return describedBy(manifest, path);
}

/** Older manifests did not have everything that a restore needs to know. */
function saysTooLittle({ kind, databases, bootstrapSuperuser }: DumpManifest): boolean {
  const lacksSuperuser = kind === "cluster" && bootstrapSuperuser === undefined;
  return lacksSuperuser || databases.some(({ tables }) => tables === null);
}

/** A dump whose file is proved to be the manifest's. */
export function describedBy(manifest: DumpManifest, path: string): VerifiedDump {
  const { kind, sizeBytes, sha256, serverVersion, clientVersion, roles, sqlBytes } = manifest;
  const isWhole = kind === "cluster";
  const contents: DumpContents = {
    ...{ kind, isComplete: true, serverVersion, clientVersion, sqlBytes: sqlBytes ?? 0 },
    databases: manifest.databases.map(({ name, tables }) => ({
      name,
      tables: [...(tables ?? [])],
    })),
    roles: [...roles],
    bootstrapSuperuser: manifest.bootstrapSuperuser ?? null,
    // Only a restore into service asks; that one reads the file to its end.
    hasTablespaces: false,
  };
  return {
    ...{ path, sizeBytes, sha256, manifest, isCompressed: isWhole },
    format: isWhole ? "plain" : "custom",
    contents: isWhole ? contents : null,
  };
}

/** Longer than any dump takes to be read. */
const LONGEST_READ_MS = 12 * 60 * 60_000;

/**
 * Reads a custom-format dump to its end by pg_restore (a listing alone passes a cut one) and says
 * what is in it. Throws DUMP_DAMAGED.
 */
export async function readCustom(
  path: string,
  run: (command: string[], options: Parameters<PostgresClient["run"]>[1]) => Promise<ExecResult>,
  files: DumpFiles,
): Promise<DumpContents> {
  const scan = new DumpScan();
  const stdout = new Writable({
    write(chunk: Buffer, _encoding, done) {
      scan.push(chunk);
      done();
    },
  });
  const { content: stdin } = await files.read(path);
  const options = { timeoutMs: LONGEST_READ_MS, stdin, stdout };
  const result = await run(["pg_restore", "--file", "-"], options);
  if (result.exitCode !== 0) {
    throw DUMP_DAMAGED(path, `pg_restore cannot read it: ${oneLine(result.stderr)}`);
  }
  return scan.end();
}

function isCustom(head: Buffer): boolean {
  return head.subarray(0, CUSTOM_MAGIC.length).toString("latin1") === CUSTOM_MAGIC;
}
