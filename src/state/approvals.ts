// Invariants: an approval names what it lets pass, why and who said so; it only ever loosens the
// one container it names, and expiry is judged by the reader's clock.
import type { Digest } from "../values/digest.ts";
import { digestOrNull, jsonOf, numberOf, numberOrNull, textOf } from "./columns.ts";
import { invariant } from "./invariant.ts";
import { liftQuarantine } from "./quarantine.ts";
import type { Row, State } from "./state.ts";

export interface Approval {
  id: number;
  container: string;
  /** This digest passes whatever was found; null when only ids are approved. */
  digest: Digest | null;
  /** These findings do not block, in any digest. */
  ids: readonly string[];
  reason: string;
  by: string;
  approvedAtMs: number;
  /** Null in approvals of earlier versions: until they are revoked. */
  expiresAtMs: number | null;
}

/** Stores an approval; approving a digest lifts its quarantine in the same step (I11). */
export function addApproval(
  state: State,
  approval: Omit<Approval, "id" | "approvedAtMs">,
): Approval {
  invariant(approval.reason.trim() !== "", "an approval has a reason");
  invariant(approval.digest !== null || approval.ids.length > 0, "an approval names something");
  return state.transaction(() => {
    const row = state.database
      .prepare(
        `INSERT INTO approvals (container, digest, ids, reason, approved_by, approved_at_ms,
           expires_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING *`,
      )
      .get(
        approval.container,
        approval.digest,
        JSON.stringify(approval.ids),
        approval.reason,
        approval.by,
        state.now(),
        approval.expiresAtMs,
      );
    if (approval.digest !== null) liftQuarantine(state, approval.container, approval.digest);
    invariant(row !== undefined, "the approval was stored");
    return toApproval(row);
  });
}

/** Approvals, newest first, expired ones included: the gate says when one no longer counts. */
export function listApprovals(state: State, container?: string): Approval[] {
  return state.database
    .prepare("SELECT * FROM approvals WHERE (? IS NULL OR container = ?) ORDER BY id DESC")
    .all(container ?? null, container ?? null)
    .map(toApproval);
}

/** Takes back all approvals of a container; returns how many there were. */
export function removeApprovals(state: State, container: string): number {
  return state.transaction(() => {
    const remove = state.database.prepare("DELETE FROM approvals WHERE container = ?");
    return Number(remove.run(container).changes);
  });
}

function toApproval(row: Row): Approval {
  return {
    id: numberOf(row.id),
    container: textOf(row.container),
    digest: digestOrNull(row.digest),
    ids: jsonOf<string[]>(row.ids),
    reason: textOf(row.reason),
    by: textOf(row.approved_by),
    approvedAtMs: numberOf(row.approved_at_ms),
    expiresAtMs: numberOrNull(row.expires_at_ms),
  };
}
