// Invariants: the first sight of a digest behind a reference is never moved: a newer push does not
// restart the clock of an older digest.
import type { Digest } from "../values/digest.ts";
import { numberOf } from "./columns.ts";
import { invariant } from "./invariant.ts";
import type { State } from "./state.ts";

/** When this digest was first seen behind the reference (its `referenceKey`): now, if never. */
export function firstSeen(state: State, reference: string, digest: Digest): number {
  return state.transaction(() => {
    state.database
      .prepare("INSERT OR IGNORE INTO first_seen (reference, digest, at_ms) VALUES (?, ?, ?)")
      .run(reference, digest, state.now());
    const row = state.database
      .prepare("SELECT at_ms FROM first_seen WHERE reference = ? AND digest = ?")
      .get(reference, digest);
    invariant(row !== undefined, "the first sight was stored");
    return numberOf(row.at_ms);
  });
}
