import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock, Scan, ScanFailure, Scanner, ScannerStatus, ScanRequest } from "../../ports.ts";
import { byDigest } from "../../values/image-reference.ts";
import type { Secret } from "../../values/secret.ts";
import { isInsecureRegistry, isLoopbackRegistry } from "../oci-registry/insecure-registry.ts";
import type { ProgramOptions, ProgramResult } from "../system/run-program.ts";
import { runProgram } from "../system/run-program.ts";
import { missingFlag, prepareCommand, scanArguments } from "./command.ts";
import type { DatabaseState } from "./database-age.ts";
import { judgeDatabase, judgeServer, unknown } from "./database-age.ts";
import { explainFailure } from "./explain-failure.ts";
import { createKnownFlags } from "./known-flags.ts";
import { openScanFolder } from "./scan-folder.ts";
import { createTrivyServer, readVersion } from "./server.ts";

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
const MAX_MESSAGE_BYTES = 64 * 1024;
/** Trivy ends itself at its own time-out; this is for one that does not. */
const EXTRA_TIME_MS = 15_000;
const SHORT_CALL_MS = 60_000;

/**
 * Trivy as a program: a client of its server, or stand-alone. Limiting how many scans run at once
 * is the caller's task; stand-alone ones run one at a time, because they lock their cache.
 * Methods reject only when the signal is aborted or `insecureRegistries` rejects.
 */
export function createScanner(options: ScannerOptions): Scanner {
  const { timeoutMs } = options;
  const environment = options.environment ?? process.env;
  const command = prepareCommand({ ...options, environment });
  const server = options.server === null ? null : createTrivyServer(options.server, options.token);
  const serverForTrivy = options.serverForTrivy ?? options.server;
  const cacheFolder = command.isLocal ? options.cacheFolder : null;
  const given = options.insecureRegistries;
  const insecureRegistries = typeof given === "function" ? given : async () => given;
  let standAlone: Promise<unknown> = Promise.resolve();

  const run = (
    trivyArguments: readonly string[],
    programOptions: Partial<ProgramOptions> = {},
  ): Promise<ProgramResult> =>
    runProgram(command.program, [...command.leading, ...trivyArguments], {
      timeoutMs: SHORT_CALL_MS,
      maxOutputBytes: MAX_MESSAGE_BYTES,
      ...programOptions,
      environment: { ...command.environment, ...programOptions.environment },
    });

  const knownFlags = createKnownFlags({ ...options, command, run });

  async function scan(request: ScanRequest): Promise<Scan | ScanFailure> {
    const found = server === null ? null : await judgeServer(server, options, request.signal);
    if (found?.kind === "unknown") return found;
    const flags = await knownFlags.find();
    if (flags.kind === "unknown") return flags;
    const missing = missingFlag(flags.flags, options.server);
    if (missing !== null) {
      return unknown("scanner-missing", `this Trivy is too old: it does not know --${missing}`);
    }
    const folder = await openScanFolder(options.cacheFolder);
    if (folder.kind === "unknown") return folder;
    await using files = folder;
    const result = await run(
      scanArguments({
        flags: flags.flags,
        server: serverForTrivy,
        cacheFolder,
        platform: request.platform,
        image: byDigest(request.reference, request.digest),
        timeoutMs,
        isInsecure: await needsInsecure(request.reference.registry),
      }),
      {
        timeoutMs: timeoutMs + EXTRA_TIME_MS,
        signal: request.signal,
        folder: files.work,
        environment: command.isLocal ? { TMPDIR: files.temporary } : {},
        stdoutFile: { path: files.report, maxBytes: MAX_REPORT_BYTES },
      },
    );
    request.signal?.throwIfAborted();
    if (result.kind !== "exited" || result.exitCode !== 0) {
      return explainFailure(result, { ...options, server, isLocal: command.isLocal });
    }
    const report = await readFile(files.report);
    const database = found ?? (await judgeOwnDatabase());
    return database.kind === "unknown" ? database : judgeReport(request, report, database);
  }

  /** HTTP to a registry that is not on loopback; Trivy itself knows loopback. */
  async function needsInsecure(registry: string): Promise<boolean> {
    if (isLoopbackRegistry(registry)) return false;
    return isInsecureRegistry(registry, await insecureRegistries());
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

  /** Stand-alone, after the scan: the scan may have fetched a newer database. */
  async function judgeOwnDatabase(): Promise<DatabaseState | ScanFailure> {
    return judgeDatabase(await ownVersion(), options);
  }

  async function ownVersion() {
    if (cacheFolder !== null) {
      const text = await readFile(join(cacheFolder, "db", "metadata.json"), "utf8").catch(() => "");
      return readVersion(`{"VulnerabilityDB":${text === "" ? "null" : text}}`);
    }
    const result = await run(["version", "--format", "json"]);
    return readVersion(result.kind === "exited" ? result.stdout : "");
  }

  async function standAloneStatus(): Promise<ScannerStatus> {
    const cache = cacheFolder === null ? [] : ["--cache-dir", cacheFolder];
    const result = await run(["version", "--format", "json", ...cache]);
    if (result.kind !== "exited" || result.exitCode !== 0) {
      const { why } = await explainFailure(result, {
        ...options,
        server,
        isLocal: command.isLocal,
      });
      return { reachable: false, why, version: null, databaseUpdatedAtMs: null };
    }
    const found = readVersion(result.stdout);
    const judged = judgeDatabase(found, options);
    return { reachable: true, why: judged.kind === "unknown" ? judged.why : null, ...found };
  }

  return {
    async scan(request) {
      if (server !== null) return scan(request);
      const mine = standAlone.then(() => scan(request));
      standAlone = mine.catch(() => undefined);
      return mine;
    },

    async status() {
      if (server === null) return standAloneStatus();
      const found = await server.version();
      const nothing = { version: null, databaseUpdatedAtMs: null };
      if (found.kind === "unreachable") return { reachable: false, why: found.why, ...nothing };
      const unhealthy = await server.whyUnhealthy();
      if (unhealthy !== null) return { reachable: false, why: unhealthy, ...nothing };
      const judged = await judgeServer(server, options);
      const isRefused = (await server.acceptsToken()) === false;
      const why = isRefused ? "the server refuses our token" : null;
      const { version, databaseUpdatedAtMs } = found.kind === "known" ? found : nothing;
      return {
        reachable: true,
        why: why ?? (judged.kind === "unknown" ? judged.why : null),
        version,
        databaseUpdatedAtMs,
      };
    },
  };
}
