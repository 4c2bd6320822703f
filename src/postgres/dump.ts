import { join } from "node:path";
import { DUMP_FAILED, DUMP_NO_SPACE, isError, OperatorError } from "../errors.ts";
import type { Ports } from "../ports.ts";
import { oneLine, redactorFor } from "../services/evidence.ts";
import { formatBytes } from "../values/bytes.ts";
import { conninfo } from "./ask.ts";
import { type ClusterFacts, readCluster, unreachable } from "./baseline.ts";
import type { PostgresClient } from "./client.ts";
import { type DumpManifest, manifestPath, type Occasion } from "./dump-manifest.ts";
import { type DumpContents, DumpScan } from "./dump-scan.ts";
import { dropPartials, dumpPath } from "./dump-store.ts";
import { describedBy, readCustom, type VerifiedDump } from "./verify-dump.ts";

export type DumpDeps = Pick<Ports, "engine" | "clock" | "disk" | "dumpFiles">;

/** Longer than any database of this size of installation needs. */
export const LONGEST_DUMP_MS = 12 * 60 * 60_000;
/** A dump that sends nothing for so long waits for a lock that nobody gives back. */
const STALLED_MS = 15 * 60_000;
const TELL_EVERY_MS = 1000;
/** Left free on the file system of the dumps. */
const RESERVE_BYTES = 256 * 1024 * 1024;

export interface DumpRequest {
  host: string;
  folder: string;
  occasion: Occasion;
  /** Told about once a second. */
  onProgress: (text: string) => void;
  signal?: AbortSignal;
}

/**
 * Dumps the whole cluster by pg_dumpall in the server's own container, streamed and compressed
 * here, with a manifest, and reads it back before it gets its name. Throws DUMP_NO_SPACE or
 * DUMP_FAILED; then no file of it is left.
 */
export async function dumpCluster(
  client: PostgresClient,
  request: DumpRequest,
  deps: DumpDeps,
): Promise<VerifiedDump & { manifest: DumpManifest }> {
  const facts = await readCluster(client);
  const expectedBytes = facts.databases.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const container = nameOf(client);
  await dropPartials(join(request.folder, request.occasion), container, deps.dumpFiles);
  await needSpace(request.folder, expectedBytes, deps);
  const atMs = deps.clock.now();
  const path = dumpPath(request.folder, { ...request, container, atMs });
  const scan = new DumpScan();
  // --clean: only then are settings and grants of the databases postgres and template1 in it.
  const command = ["pg_dumpall", "--clean", "--if-exists"];
  return await writeDump(
    client,
    { path, command, isCompressed: true, expectedBytes },
    request,
    deps,
    {
      onContent: (chunk) => scan.push(chunk),
      describe: async () => {
        const contents = scan.end();
        const wrong = whyIncomplete(contents, facts);
        if (wrong !== null) throw DUMP_FAILED(container, wrong);
        return {
          ...manifestOf(client, facts, request, atMs),
          kind: "cluster" as const,
          clientVersion: contents.clientVersion,
          sqlBytes: contents.sqlBytes,
          databases: contents.databases.map(({ name, tables }) => ({
            name: name ?? "",
            extensions: facts.extensions[name ?? ""] ?? [],
            tables,
          })),
          roles: contents.roles,
          bootstrapSuperuser: contents.bootstrapSuperuser,
        };
      },
    },
  );
}

/** One custom-format dump of each database that can be restored by itself. */
export async function dumpDatabases(
  client: PostgresClient,
  request: DumpRequest,
  deps: DumpDeps,
): Promise<(VerifiedDump & { manifest: DumpManifest })[]> {
  const facts = await readCluster(client);
  const atMs = deps.clock.now();
  const container = nameOf(client);
  const wanted = facts.databases.filter(({ mayConnect, isTemplate }) => mayConnect && !isTemplate);
  const expectedBytes = wanted.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  await needSpace(request.folder, expectedBytes, deps);
  const made: (VerifiedDump & { manifest: DumpManifest })[] = [];
  for (const { name, sizeBytes } of wanted) {
    const path = dumpPath(request.folder, { ...request, container, atMs, database: name });
    const command = ["pg_dump", "--format=custom", "--create", "--dbname", conninfo(name)];
    const job = { path, command, isCompressed: false, expectedBytes: sizeBytes };
    const dump = await writeDump(client, job, request, deps, {
      onContent: () => {},
      describe: async (partial) => {
        const contents = await readCustom(partial, client.run, deps.dumpFiles);
        if (!contents.isComplete)
          throw DUMP_FAILED(container, "pg_restore gives only a part of it");
        return {
          ...manifestOf(client, facts, request, atMs),
          kind: "database" as const,
          clientVersion: contents.clientVersion,
          sqlBytes: contents.sqlBytes,
          databases: contents.databases.map(({ tables }) => ({
            name,
            extensions: facts.extensions[name] ?? [],
            tables,
          })),
          roles: [],
        };
      },
    });
    made.push(dump);
  }
  return made;
}

interface DumpJob {
  path: string;
  command: readonly string[];
  isCompressed: boolean;
  expectedBytes: number;
}

interface DumpParts {
  onContent: (chunk: Buffer) => void;
  /** Proves that what was written is a whole dump, and says what is in it. */
  describe: (partial: string) => Promise<Omit<DumpManifest, "sizeBytes" | "sha256">>;
}

async function writeDump(
  client: PostgresClient,
  job: DumpJob,
  request: DumpRequest,
  { dumpFiles, clock }: DumpDeps,
  parts: DumpParts,
): Promise<VerifiedDump & { manifest: DumpManifest }> {
  const pace = new Pace(job.expectedBytes, clock, request.onProgress);
  const partial = await dumpFiles
    .openPartial(job.path, {
      isCompressed: job.isCompressed,
      onContent: (chunk) => {
        parts.onContent(chunk);
        pace.add(chunk.length);
      },
    })
    .catch((error: unknown) => {
      throw failed(client, error);
    });
  try {
    const result = await client.run(job.command, {
      timeoutMs: LONGEST_DUMP_MS,
      stdout: partial.sink,
      signal: AbortSignal.any([pace.stalled, ...(request.signal ? [request.signal] : [])]),
    });
    if (result.exitCode !== 0) {
      const said = oneLine(redactorFor(client.container)(result.stderr), 400);
      throw DUMP_FAILED(nameOf(client), `${job.command[0]} ended with ${result.exitCode}: ${said}`);
    }
    const file = await partial.finish();
    request.onProgress("reading the dump back");
    const manifest = { ...(await parts.describe(`${job.path}.partial`)), ...file };
    const onDisk = await dumpFiles.measure(`${job.path}.partial`);
    if (onDisk.sha256 !== file.sha256) {
      throw DUMP_FAILED(nameOf(client), "the disk gave back something else than was written");
    }
    const text = `${JSON.stringify(manifest, null, 1)}\n`;
    await dumpFiles.publish(job.path, { path: manifestPath(job.path), text });
    return { ...describedBy(manifest, job.path), manifest };
  } catch (error) {
    await partial.discard();
    throw failed(client, error);
  } finally {
    pace.end();
  }
}

/** Why the text that pg_dumpall wrote is not the whole cluster; null when it is. */
function whyIncomplete(contents: DumpContents, facts: ClusterFacts): string | null {
  if (contents.kind !== "cluster") return "what came is no dump of a cluster";
  if (!contents.isComplete) return "the closing line is missing";
  const dumped = new Set(contents.databases.map(({ name }) => name));
  const expected = facts.databases.filter(({ mayConnect }) => mayConnect);
  const missing = expected.filter(({ name }) => !dumped.has(name)).map(({ name }) => name);
  return missing.length === 0 ? null : `these databases are missing: ${missing.join(", ")}`;
}

function manifestOf(
  client: PostgresClient,
  facts: ClusterFacts,
  request: DumpRequest,
  atMs: number,
) {
  return {
    schema: 1 as const,
    host: request.host,
    container: nameOf(client),
    occasion: request.occasion,
    createdAt: new Date(atMs).toISOString(),
    serverVersion: facts.serverVersion,
    systemIdentifier: facts.systemIdentifier,
    leftOut: unreachable(facts),
  };
}

/** Compressed it is smaller; nobody knows by how much. Throws DUMP_NO_SPACE. */
export async function needSpace(
  folder: string,
  neededBytes: number,
  { disk, dumpFiles }: Pick<DumpDeps, "disk" | "dumpFiles">,
): Promise<void> {
  await dumpFiles.makeFolder(folder).catch((error: unknown) => {
    throw DUMP_FAILED.because(error, folder, error instanceof Error ? error.message : "");
  });
  const freeBytes = await disk.freeBytes(folder);
  if (freeBytes === null || freeBytes >= neededBytes + RESERVE_BYTES) return;
  throw DUMP_NO_SPACE(folder, formatBytes(freeBytes), formatBytes(neededBytes + RESERVE_BYTES));
}

function failed(client: PostgresClient, error: unknown): unknown {
  if (isError(error, DUMP_FAILED)) return error;
  if (error instanceof OperatorError)
    return DUMP_FAILED.because(error, nameOf(client), error.message);
  const isFileError = error instanceof Error && "code" in error;
  return isFileError ? DUMP_FAILED.because(error, nameOf(client), error.message) : error;
}

function nameOf({ container }: PostgresClient): string {
  return container.Name.replace(/^\//, "");
}

/** Tells bytes and rate, and gives up on a dump from which nothing comes any more. */
class Pace {
  readonly #aborted = new AbortController();
  readonly #clock: DumpDeps["clock"];
  readonly #timer: NodeJS.Timeout;
  #bytes = 0;
  #lastBytesMs: number;

  constructor(expectedBytes: number, clock: DumpDeps["clock"], tell: (text: string) => void) {
    const startMs = clock.monotonicMs();
    this.#clock = clock;
    this.#lastBytesMs = startMs;
    this.#timer = setInterval(() => {
      const nowMs = clock.monotonicMs();
      const rate = this.#bytes / Math.max(0.001, (nowMs - startMs) / 1000);
      const size = `${formatBytes(this.#bytes)} of about ${formatBytes(expectedBytes)}`;
      tell(`dumping: ${size}, ${formatBytes(rate)}/s`);
      if (nowMs - this.#lastBytesMs > STALLED_MS) {
        this.#aborted.abort(DUMP_FAILED("the server", "it sent nothing for 15 min"));
      }
    }, TELL_EVERY_MS);
    this.#timer.unref();
  }

  get stalled(): AbortSignal {
    return this.#aborted.signal;
  }

  add(bytes: number): void {
    this.#bytes += bytes;
    this.#lastBytesMs = this.#clock.monotonicMs();
  }

  end(): void {
    clearInterval(this.#timer);
  }
}
