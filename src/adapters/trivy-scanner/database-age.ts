import { deniedScannerVersion } from "../../policy/scanner-deny-list.ts";
import type { Clock, ScanFailure, ScanFailureReason } from "../../ports.ts";
import { formatDuration } from "../../values/duration.ts";
import type { TrivyServer, VersionAnswer } from "./server.ts";

/** Who looked the packages up, and in how old a database. */
export interface DatabaseState {
  kind: "usable";
  version: string | null;
  /** Null only where the limit is off. */
  databaseUpdatedAtMs: number | null;
}

interface Limits {
  maxDatabaseAgeMs: number | null;
  clock: Clock;
}

/** A database cannot be from tomorrow: then its date or our clock is wrong, and proves nothing. */
const MAX_AHEAD_MS = 24 * 3_600_000;

/**
 * Whether a scan by this server could count: reachable, not denied, database young enough. The
 * server itself serves an old database without a word.
 */
export async function judgeServer(
  server: TrivyServer,
  limits: Limits,
  signal?: AbortSignal,
): Promise<DatabaseState | ScanFailure> {
  const found = await server.version(signal);
  if (found.kind === "unreachable") return unknown("scanner-unreachable", found.why);
  if (found.kind === "known") return judgeDatabase(found, limits);
  const unhealthy = await server.whyUnhealthy(signal);
  if (unhealthy !== null) return unknown("scanner-unreachable", unhealthy);
  if (limits.maxDatabaseAgeMs === null) {
    return { kind: "usable", version: null, databaseUpdatedAtMs: null };
  }
  return unknown(
    "database-age-unknown",
    "the server has no /version (older than Trivy 0.45), so nobody knows how old its database is",
  );
}

export function judgeDatabase(found: VersionAnswer, limits: Limits): DatabaseState | ScanFailure {
  const { version, databaseUpdatedAtMs } = found;
  if (version !== null && deniedScannerVersion(version)) {
    return unknown("scanner-denied", `Trivy ${version} is a hijacked release; replace it`);
  }
  const usable = { kind: "usable", version, databaseUpdatedAtMs } as const;
  if (limits.maxDatabaseAgeMs === null) return usable;
  if (databaseUpdatedAtMs === null) {
    return unknown("database-age-unknown", "the scanner does not say how old its database is");
  }
  const ageMs = limits.clock.now() - databaseUpdatedAtMs;
  if (ageMs < -MAX_AHEAD_MS) {
    const ahead = formatDuration(-ageMs);
    const why = `the scanner's database is dated ${ahead} ahead of this host's clock`;
    return unknown("database-age-unknown", why);
  }
  if (ageMs <= limits.maxDatabaseAgeMs) return usable;
  const limit = formatDuration(limits.maxDatabaseAgeMs);
  const why = `the scanner's database is ${formatDuration(ageMs)} old, the limit is ${limit}`;
  return unknown("database-stale", why);
}

export function unknown(reason: ScanFailureReason, why: string): ScanFailure {
  return { kind: "unknown", reason, why };
}
