import type { ImageBackup } from "../../policy/retention.ts";
import { shortDigest } from "../../values/digest.ts";
import type { Paint } from "./style.ts";
import { table } from "./table.ts";
import { localTime } from "./time.ts";

/** A backup and whether its image is still here. */
export interface ListedBackup
  extends Pick<
    ImageBackup,
    "container" | "slot" | "tag" | "imageId" | "digest" | "reference" | "createdAtMs"
  > {
  /** Null: not asked (no engine). */
  isHere: boolean | null;
  /** Of one that is not here: whether it can be fetched again. Null: nobody said. */
  isInRegistry: boolean | null;
}

/** Image backups, newest first, with the number that `rollback container` takes. */
export function backupLines(
  backups: readonly ListedBackup[],
  options: { width: number; paint: Paint },
): string[] {
  if (backups.length === 0) return ["There are no image backups."];
  return table(
    [
      { header: "CONTAINER", cell: ({ container }) => container, shrinksTo: 16 },
      { header: "N", cell: ({ slot }) => String(slot), align: "right" },
      { header: "DATE", cell: ({ createdAtMs }) => localTime(createdAtMs) },
      { header: "IMAGE ID", cell: ({ imageId }) => shortDigest(imageId) },
      { header: "DIGEST", cell: ({ digest }) => (digest === null ? "-" : shortDigest(digest)) },
      { header: "REFERENCE", cell: ({ reference }) => reference, shrinksTo: 16 },
      {
        header: "IMAGE",
        cell: whereText,
        tone: ({ isHere }) => (isHere === false ? "warning" : "plain"),
      },
    ],
    backups,
    options,
  );
}

function whereText({ isHere, isInRegistry }: ListedBackup): string {
  if (isHere === null) return "not checked";
  if (isHere) return "here";
  if (isInRegistry === null) return "pruned; the registry does not answer";
  return isInRegistry ? "pruned; fetched again by digest" : "gone, from the registry too";
}
