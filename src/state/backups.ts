// Invariants: slots of a container are 1 (newest) to n without a gap; a tag is one backup's only.
import type { ImageBackup } from "../policy/retention.ts";
import type { ContainerInspect } from "../ports.ts";
import { digestOrNull, jsonOf, numberOf, textOf } from "./columns.ts";
import { invariant } from "./invariant.ts";
import type { Row, State } from "./state.ts";

/** Image backups by container and slot, newest first. */
export function listBackups(state: State, container?: string): ImageBackup[] {
  return state.database
    .prepare("SELECT * FROM backups WHERE (? IS NULL OR container = ?) ORDER BY container, slot")
    .all(container ?? null, container ?? null)
    .map(toBackup);
}

/** How many backups each container has: a count needs no inspects. */
export function countBackups(state: State): Map<string, number> {
  const rows = state.database
    .prepare("SELECT container, count(*) AS count FROM backups GROUP BY container")
    .all();
  return new Map(rows.map((row) => [textOf(row.container), numberOf(row.count)]));
}

/**
 * Replaces all backups of one container: a rotation, its undoing and the removal beyond `keep`
 * are each one call with the whole list, so that no crash leaves half a rotation in the record.
 */
export function saveBackups(
  state: State,
  container: string,
  backups: readonly ImageBackup[],
): void {
  state.transaction(() => {
    state.database.prepare("DELETE FROM backups WHERE container = ?").run(container);
    const insert = state.database.prepare(
      `INSERT INTO backups (container, slot, tag, image_id, digest, reference, created_at_ms, inspect)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    for (const [index, backup] of backups.entries()) {
      invariant(backup.container === container, "a backup belongs to its container");
      invariant(backup.slot === index + 1, "slots are numbered from 1 without a gap");
      insert.run(
        container,
        backup.slot,
        backup.tag,
        backup.imageId,
        backup.digest,
        backup.reference,
        backup.createdAtMs,
        JSON.stringify(backup.inspect),
      );
    }
  });
}

function toBackup(row: Row): ImageBackup {
  return {
    container: textOf(row.container),
    slot: numberOf(row.slot),
    tag: textOf(row.tag),
    imageId: textOf(row.image_id),
    digest: digestOrNull(row.digest),
    reference: textOf(row.reference),
    createdAtMs: numberOf(row.created_at_ms),
    inspect: jsonOf<ContainerInspect>(row.inspect),
  };
}
