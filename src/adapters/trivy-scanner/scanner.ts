import { readFile } from "node:fs/promises";
import type { Clock, Scan, ScanFailure, Scanner, ScannerStatus, ScanRequest } from "../../ports.ts";
import { byDigest } from "../../values/image-reference.ts";
import type { Secret } from "../../values/secret.ts";
import { isInsecureRegistry, isLoopbackRegistry } from "../oci-registry/insecure-registry.ts";
import { missingFlag, scanArguments } from "./command.ts";
import type { DatabaseState } from "./database-age.ts";
import { judgeDatabase, judgeServer, unknown } from "./database-age.ts";
import { explainFailure } from "./explain-failure.ts";
import { openScanFolder } from "./scan-folder.ts";
import type { TrivyServer } from "./server.ts";
import { createTrivyServer } from "./server.ts";
import { createTrivyProgram, type TrivyProgram } from "./trivy-program.ts";

export interface ScannerOptions {
  /** `["trivy"]`, or with a prefix: `["docker", "exec", "trivy", "trivy"]`. */
  command: readonly string[];
  /** As this process reaches it. Null: stand-alone, with a database of its own in the cache. */
  server: string | null;
  /** As Trivy reaches it where that differs (inside a container). */
  serverForTrivy?: string | null | undefined;
  token: Secret | null;
  /** For one scan. */
  timeoutMs: number;
  /** Null switches the limit off. */
  maxDatabaseAgeMs: number | null;
  /** Trivy's `--cache-dir`; scans keep temporary files (whole layers) in it too. */
  cacheFolder: string;
  /** Folder of Docker's config.json with the registry logins; null: Trivy's own default. */
  dockerConfigFolder: string | null;
  /** `EngineInfo.insecureRegistries`, as for `createRegistry`. */
  insecureRegistries: readonly string[] | (() => Promise<readonly string[]>);
  clock: Clock;
  /** Default: the process's own. */
  environment?: NodeJS.ProcessEnv | undefined;
}

/** A full report of a very large image has some tens of megabytes. */
const MAX_REPORT_BYTES = 100 * 1024 * 1024;
/** Trivy ends itself at its own time-out; this is for one that does not. */
const EXTRA_TIME_MS = 15_000;

interface Parts {
  options: ScannerOptions;
  trivy: TrivyProgram;
  server: TrivyServer | null;
}

/**
 * Trivy as a program: a client of its server, or stand-alone. Limiting how many scans run at once
 * is the caller's task; stand-alone ones run one at a time, because they lock their cache.
 * Methods reject only when the signal is aborted or `insecureRegistries` rejects. A stopped scan
 * leaves no program behind on this host; one in a container ends at Trivy's own time-out.
 */
export function createScanner(options: ScannerOptions): Scanner {
  const server = options.server === null ? null : createTrivyServer(options.server, options.token);
  const parts: Parts = { options, trivy: createTrivyProgram(options), server };
  let standAlone: Promise<unknown> = Promise.resolve();
  return {
    async scan(request) {
      if (server !== null) return scan(parts, request);
      const mine = standAlone.then(() => scan(parts, request));
      standAlone = mine.catch(() => undefined);
      return mine;
    },
    status: () => (server === null ? programStatus(parts) : serverStatus(server, options)),
  };
}

async function scan(parts: Parts, request: ScanRequest): Promise<Scan | ScanFailure> {
  const { options, trivy, server } = parts;
  const served = server === null ? null : await judgeServer(server, options, request.signal);
  if (served?.kind === "unknown") return served;
  const flags = await trivy.flags();
  if (flags.kind === "unknown") return flags;
  const missing = missingFlag(flags.flags, options.server);
  if (missing !== null) {
    return unknown("scanner-missing", `this Trivy is too old: it does not know --${missing}`);
  }
  const report = await makeReport(parts, request, flags.flags);
  if (report.kind === "unknown") return report;
  // Stand-alone, the scan itself may have fetched a newer database.
  const database = served ?? judgeDatabase(await trivy.databaseVersion(), options);
  if (database.kind === "unknown") return database;
  return await judgeReport(request, report.content, database);
}

/** Runs Trivy in an empty folder of its own; what it writes to standard output is the report. */
async function makeReport(
  { options, trivy, server }: Parts,
  request: ScanRequest,
  flags: ReadonlySet<string>,
): Promise<{ kind: "report"; content: Buffer } | ScanFailure> {
  const folder = await openScanFolder(options.cacheFolder);
  if (folder.kind === "unknown") return folder;
  await using files = folder;
  const result = await trivy.run(
    scanArguments({
      flags,
      server: options.serverForTrivy ?? options.server,
      cacheFolder: trivy.cacheFolder,
      platform: request.platform,
      image: byDigest(request.reference, request.digest),
      timeoutMs: options.timeoutMs,
      isInsecure: await needsInsecure(request.reference.registry, options),
    }),
    {
      timeoutMs: options.timeoutMs + EXTRA_TIME_MS,
      signal: request.signal,
      folder: files.work,
      environment: trivy.isLocal ? { TMPDIR: files.temporary } : {},
      stdoutFile: { path: files.report, maxBytes: MAX_REPORT_BYTES },
    },
  );
  request.signal?.throwIfAborted();
  if (result.kind !== "exited" || result.exitCode !== 0) {
    return await explainFailure(result, { ...options, server, isLocal: trivy.isLocal });
  }
  try {
    return { kind: "report", content: await readFile(files.report) };
  } catch {
    // Another process whose clock is ahead may have taken the folder for a left-over.
    return unknown("failed", "the scanner ended well, but its report cannot be read");
  }
}

/** HTTP to a registry that is not on loopback; Trivy itself knows loopback. */
async function needsInsecure(registry: string, options: ScannerOptions): Promise<boolean> {
  if (isLoopbackRegistry(registry)) return false;
  const given = options.insecureRegistries;
  return await isInsecureRegistry(registry, typeof given === "function" ? await given() : given);
}

async function judgeReport(
  request: ScanRequest,
  report: Buffer,
  database: DatabaseState,
): Promise<Scan | ScanFailure> {
  const { readReport } = await import("./report.ts");
  const evidence = readReport(report, request);
  if (evidence.kind === "refused") return unknown(evidence.reason, evidence.why);
  const { findings, packageCount, os, endOfLife, clientVersion } = evidence;
  return {
    kind: "scanned",
    digest: request.digest,
    findings,
    packageCount,
    os,
    endOfLife,
    scannerVersion: database.version ?? clientVersion,
    databaseUpdatedAtMs: database.databaseUpdatedAtMs,
    report,
  };
}

// ---------------------------------------------------------------- status

const NOTHING_KNOWN = { version: null, databaseUpdatedAtMs: null };

async function serverStatus(server: TrivyServer, options: ScannerOptions): Promise<ScannerStatus> {
  const found = await server.version();
  const unreachable = found.kind === "unreachable" ? found.why : await server.whyUnhealthy();
  if (unreachable !== null) return { reachable: false, why: unreachable, ...NOTHING_KNOWN };
  const judged = await judgeServer(server, options);
  const isRefused = (await server.acceptsToken()) === false;
  const why = judged.kind === "unknown" ? judged.why : null;
  const { version, databaseUpdatedAtMs } = found.kind === "known" ? found : NOTHING_KNOWN;
  return {
    reachable: true,
    why: isRefused ? "the server refuses our token" : why,
    version,
    databaseUpdatedAtMs,
  };
}

async function programStatus({ options, trivy, server }: Parts): Promise<ScannerStatus> {
  const found = await trivy.version();
  if ("kind" in found) {
    const context = { ...options, server, isLocal: trivy.isLocal };
    const { why } = await explainFailure(found.result, context);
    return { reachable: false, why, ...NOTHING_KNOWN };
  }
  const judged = judgeDatabase(found, options);
  return { reachable: true, why: judged.kind === "unknown" ? judged.why : null, ...found };
}
