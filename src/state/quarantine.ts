// Invariants: attempts are counted per container and digest and never go down by themselves; only
// an approval lifts a quarantine (I11).
import { countAttempt } from "../policy/attempts.ts";
import type { Digest } from "../values/digest.ts";
import { digestOf, numberOf, numberOrNull, textOf } from "./columns.ts";
import type { Row, State } from "./state.ts";

export interface QuarantineEntry {
  container: string;
  digest: Digest;
  failedAttempts: number;
  /** Null while the schedule may still try. */
  quarantinedAtMs: number | null;
  reason: string;
  lastFailureAtMs: number;
}

/**
 * Counts a failed update of a digest. An unknown verdict is remembered but does not count. When
 * `maxAttempts` is reached the digest is quarantined for this container.
 */
export function recordFailedAttempt(
  state: State,
  failure: {
    container: string;
    digest: Digest;
    verdict: "unhealthy" | "unknown";
    why: string;
    maxAttempts: number;
  },
): QuarantineEntry {
  return state.transaction(() => {
    const before = quarantineEntry(state, failure.container, failure.digest);
    const { failedAttempts, isQuarantined } = countAttempt(
      before?.failedAttempts ?? 0,
      failure.verdict,
      failure.maxAttempts,
    );
    return save(state, {
      container: failure.container,
      digest: failure.digest,
      failedAttempts,
      quarantinedAtMs: before?.quarantinedAtMs ?? (isQuarantined ? state.now() : null),
      reason: failure.why,
      lastFailureAtMs: state.now(),
    });
  });
}

/** Quarantines a digest at once: it was left by a manual roll back. */
export function quarantineDigest(
  state: State,
  container: string,
  digest: Digest,
  reason: string,
): QuarantineEntry {
  return state.transaction(() => {
    const before = quarantineEntry(state, container, digest);
    return save(state, {
      container,
      digest,
      failedAttempts: before?.failedAttempts ?? 0,
      quarantinedAtMs: state.now(),
      reason,
      lastFailureAtMs: before?.lastFailureAtMs ?? state.now(),
    });
  });
}

/** What is known of a digest's failures on a container; null when it never failed. */
export function quarantineEntry(
  state: State,
  container: string,
  digest: Digest,
): QuarantineEntry | null {
  const row = state.database
    .prepare("SELECT * FROM quarantine WHERE container = ? AND digest = ?")
    .get(container, digest);
  return row === undefined ? null : toEntry(row);
}

/** Whether the schedule must leave this digest alone. */
export function isQuarantined(state: State, container: string, digest: Digest): boolean {
  return (quarantineEntry(state, container, digest)?.quarantinedAtMs ?? null) !== null;
}

/** Forgets the failures of a digest, or of all digests of the container; returns how many. */
export function liftQuarantine(state: State, container: string, digest: Digest | null): number {
  return state.transaction(() => {
    const { changes } = state.database
      .prepare("DELETE FROM quarantine WHERE container = ? AND (? IS NULL OR digest = ?)")
      .run(container, digest, digest);
    return Number(changes);
  });
}

/** Every digest with counted failures, quarantined or not. */
export function listQuarantine(state: State, container?: string): QuarantineEntry[] {
  return state.database
    .prepare(
      `SELECT * FROM quarantine WHERE (? IS NULL OR container = ?)
       ORDER BY container, last_failure_at_ms DESC`,
    )
    .all(container ?? null, container ?? null)
    .map(toEntry);
}

function save(state: State, entry: QuarantineEntry): QuarantineEntry {
  state.database
    .prepare(
      `INSERT OR REPLACE INTO quarantine (container, digest, failed_attempts, quarantined_at_ms,
         reason, last_failure_at_ms) VALUES (?, ?, ?, ?, ?, ?)`,
    )
    .run(
      entry.container,
      entry.digest,
      entry.failedAttempts,
      entry.quarantinedAtMs,
      entry.reason,
      entry.lastFailureAtMs,
    );
  return entry;
}

function toEntry(row: Row): QuarantineEntry {
  return {
    container: textOf(row.container),
    digest: digestOf(row.digest),
    failedAttempts: numberOf(row.failed_attempts),
    quarantinedAtMs: numberOrNull(row.quarantined_at_ms),
    reason: textOf(row.reason),
    lastFailureAtMs: numberOf(row.last_failure_at_ms),
  };
}
