import type { ContainerInspect } from "../ports.ts";
import type { Digest } from "../values/digest.ts";
import { backupTag } from "./backup-names.ts";

/** A former running image that a local tag keeps. */
export interface ImageBackup {
  container: string;
  /** 1 is the newest. */
  slot: number;
  /** `localhost/backup/<container>:backup-<slot>`. */
  tag: string;
  imageId: string;
  digest: Digest | null;
  reference: string;
  createdAtMs: number;
  /** The container as it was; holds its environment, so it is never shown. */
  inspect: ContainerInspect;
}

/** Point `repository:tag` at the image; null takes the tag away. */
export interface TagMove {
  repository: string;
  tag: string;
  imageId: string | null;
}

/** A change of a container's backups: what to tag, what the record is then, and the way back. */
export interface BackupRotation {
  container: string;
  before: readonly ImageBackup[];
  /** The record once the moves are made, the ones to drop included. */
  after: readonly ImageBackup[];
  /** Beyond `keep`: untagged in clean-up, after commit only. */
  dropped: readonly ImageBackup[];
  /**
   * In this order an image has its new tag before its old one is given to another (the running
   * image apart, which its container keeps). An image that somebody removed cannot be tagged:
   * leave that move out.
   */
  moves: readonly TagMove[];
  /** Takes the moves back, so that failed attempts never push good images out. */
  undo: readonly TagMove[];
}

/**
 * Puts the running image at slot 1 and moves older ones down. Nothing moves when it is at slot 1
 * already; an image that is further down comes up and leaves its place. The image that will run is
 * no backup any more: `docker image prune -a` takes every other tag of an image that has one of
 * ours, also while it runs.
 */
export function rotateBackups(
  before: readonly ImageBackup[],
  running: Omit<ImageBackup, "slot" | "tag">,
  keep: number,
  candidateImageId: string | null = null,
): BackupRotation {
  const older = before.filter(
    ({ imageId }) => imageId !== running.imageId && imageId !== candidateImageId,
  );
  const after = renumber([{ ...running, slot: 1, tag: "" }, ...older]);
  return {
    container: running.container,
    before,
    after,
    dropped: after.slice(Math.max(1, keep)),
    moves: tagMoves(running, before, after),
    undo: tagMoves(running, after, before),
  };
}

/** The record after clean-up, when the dropped ones are untagged. */
export function keptBackups({ after, dropped }: BackupRotation): ImageBackup[] {
  return after.slice(0, after.length - dropped.length);
}

/** Takes one backup out (its image is gone for good) and closes the gap. */
export function withoutBackup(before: readonly ImageBackup[], slot: number): BackupRotation | null {
  const gone = before.find((backup) => backup.slot === slot);
  if (gone === undefined) return null;
  const after = renumber(before.filter((backup) => backup !== gone));
  return {
    container: gone.container,
    before,
    after,
    dropped: [],
    moves: tagMoves(gone, before, after),
    undo: tagMoves(gone, after, before),
  };
}

function renumber(backups: readonly ImageBackup[]): ImageBackup[] {
  return backups.map((backup, index) => ({
    ...backup,
    slot: index + 1,
    tag: backupTag(backup.container, index + 1).join(":"),
  }));
}

/**
 * The moves in an order in which no image loses its tag before it has its new one. Such an order
 * exists, because all but the `kept` one (the running image, which its container keeps) stay in
 * their order among themselves.
 */
function tagMoves(
  kept: { container: string; imageId: string },
  from: readonly ImageBackup[],
  to: readonly ImageBackup[],
): TagMove[] {
  const tags = from.map(({ imageId }): string | null => imageId);
  const wanted = to.map(({ imageId }) => imageId);
  const isSettled = (imageId: string | null) => {
    const index = imageId === null ? -1 : wanted.indexOf(imageId);
    return index === -1 || imageId === kept.imageId || tags[index] === imageId;
  };
  const indexes = Array.from({ length: Math.max(from.length, to.length) }, (_, index) => index);
  const moves: TagMove[] = [];
  for (;;) {
    const open = indexes.filter((index) => (tags[index] ?? null) !== (wanted[index] ?? null));
    const [first] = open;
    if (first === undefined) return moves;
    const next = open.find((index) => isSettled(tags[index] ?? null)) ?? first;
    const imageId = wanted[next] ?? null;
    tags[next] = imageId;
    const [repository, tag] = backupTag(kept.container, next + 1);
    moves.push({ repository, tag, imageId });
  }
}
