// Invariants: one row per container, always the newest discovery; what was notified about a digest
// outlives the next discovery of the same digest.
import type { Decision } from "../policy/decision.ts";
import type { Outcome } from "../update/outcome.ts";
import type { Digest } from "../values/digest.ts";
import { digestOrNull, jsonOf, jsonOrNull, numberOf, textOf, textOrNull } from "./columns.ts";
import type { Row, State } from "./state.ts";

/** What the last discovery or run knew about a container. */
export interface KnownCandidate {
  container: string;
  reference: string;
  runningImageId: string | null;
  runningDigest: Digest | null;
  /** Null when the registry did not say, or there is nothing newer. */
  candidate: Digest | null;
  outcome: Outcome;
  decision: Decision | null;
  atMs: number;
  /** The digest about which "update available" was said. */
  notifiedDigest: Digest | null;
}

export function saveCandidate(
  state: State,
  known: Omit<KnownCandidate, "atMs" | "notifiedDigest">,
): void {
  state.transaction(() => {
    state.database
      .prepare(
        `INSERT INTO candidates (container, reference, running_image_id, running_digest, candidate,
           outcome, decision, at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (container) DO UPDATE SET reference = excluded.reference,
           running_image_id = excluded.running_image_id, running_digest = excluded.running_digest,
           candidate = excluded.candidate, outcome = excluded.outcome,
           decision = excluded.decision, at_ms = excluded.at_ms`,
      )
      .run(
        known.container,
        known.reference,
        known.runningImageId,
        known.runningDigest,
        known.candidate,
        JSON.stringify(known.outcome),
        known.decision === null ? null : JSON.stringify(known.decision),
        state.now(),
      );
  });
}

export function listCandidates(state: State): KnownCandidate[] {
  return state.database
    .prepare("SELECT * FROM candidates ORDER BY container")
    .all()
    .map(toCandidate);
}

export function knownCandidate(state: State, container: string): KnownCandidate | null {
  const row = state.database.prepare("SELECT * FROM candidates WHERE container = ?").get(container);
  return row === undefined ? null : toCandidate(row);
}

/**
 * Remembers that "update available" is said about a digest; false when it had been said already.
 * In one transaction with the event, so that it is said once.
 */
export function claimAvailableNotice(state: State, container: string, digest: Digest): boolean {
  return state.transaction(() => {
    const { changes } = state.database
      .prepare(
        "UPDATE candidates SET notified_digest = ? WHERE container = ? AND notified_digest IS NOT ?",
      )
      .run(digest, container, digest);
    return changes === 1;
  });
}

/** Forgets containers that are no longer there. */
export function keepCandidatesOf(state: State, containers: readonly string[]): void {
  state.transaction(() => {
    state.database
      .prepare("DELETE FROM candidates WHERE container NOT IN (SELECT value FROM json_each(?))")
      .run(JSON.stringify(containers));
  });
}

function toCandidate(row: Row): KnownCandidate {
  return {
    container: textOf(row.container),
    reference: textOf(row.reference),
    runningImageId: textOrNull(row.running_image_id),
    runningDigest: digestOrNull(row.running_digest),
    candidate: digestOrNull(row.candidate),
    outcome: jsonOf<Outcome>(row.outcome),
    decision: jsonOrNull<Decision>(row.decision),
    atMs: numberOf(row.at_ms),
    notifiedDigest: digestOrNull(row.notified_digest),
  };
}
