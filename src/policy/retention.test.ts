import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { ContainerInspect } from "../ports.ts";
import {
  type ImageBackup,
  keptBackups,
  rotateBackups,
  type TagMove,
  withoutBackup,
} from "./retention.ts";

const CONTAINER = "web";

function running(imageId: string): Omit<ImageBackup, "slot" | "tag"> {
  return {
    container: CONTAINER,
    imageId,
    digest: null,
    reference: "nginx:1",
    createdAtMs: 0,
    inspect: {} as ContainerInspect,
  };
}

/** A record that was built by rotations, as the real ones are. */
function record(...newestFirst: string[]): readonly ImageBackup[] {
  return newestFirst.reduceRight<readonly ImageBackup[]>(
    (before, imageId) => rotateBackups(before, running(imageId), 99).after,
    [],
  );
}

function apply(tags: ReadonlyMap<string, string>, moves: readonly TagMove[]): Map<string, string> {
  const after = new Map(tags);
  for (const { repository, tag, imageId } of moves) {
    if (imageId === null) after.delete(`${repository}:${tag}`);
    else after.set(`${repository}:${tag}`, imageId);
  }
  return after;
}

function tagsOf(backups: readonly ImageBackup[]): Map<string, string> {
  return new Map(backups.map(({ tag, imageId }) => [tag, imageId]));
}

function imageIds(backups: readonly ImageBackup[]): string[] {
  return backups.map(({ imageId }) => imageId);
}

test("the running image becomes backup 1 and older ones move down", () => {
  const rotation = rotateBackups(record("b", "a"), running("c"), 3);
  assert.deepEqual(imageIds(rotation.after), ["c", "b", "a"]);
  assert.deepEqual(
    rotation.after.map(({ tag }) => tag),
    ["backup-1", "backup-2", "backup-3"].map((tag) => `localhost/backup/web:${tag}`),
  );
  assert.deepEqual(rotation.dropped, []);
});

test("nothing moves when the running image is at slot 1 already", () => {
  const rotation = rotateBackups(record("b", "a"), running("b"), 3);
  assert.deepEqual(rotation.moves, []);
  assert.deepEqual(imageIds(rotation.after), ["b", "a"]);
});

test("an image that is further down comes up and leaves its place", () => {
  const rotation = rotateBackups(record("c", "b", "a"), running("a"), 3);
  assert.deepEqual(imageIds(rotation.after), ["a", "c", "b"]);
});

test("the image that will run is no backup any more", () => {
  const rotation = rotateBackups(record("c", "b", "a"), running("d"), 3, "b");
  assert.deepEqual(imageIds(rotation.after), ["d", "c", "a"]);
  assert.deepEqual(rotation.dropped, []);
  assert.deepEqual(imageIds(rotateBackups(record("b"), running("b"), 3, "b").after), ["b"]);
});

test("what is beyond keep is dropped after commit and not before", () => {
  const rotation = rotateBackups(record("c", "b", "a"), running("d"), 3);
  assert.deepEqual(imageIds(rotation.after), ["d", "c", "b", "a"]);
  assert.deepEqual(imageIds(rotation.dropped), ["a"]);
  assert.deepEqual(imageIds(keptBackups(rotation)), ["d", "c", "b"]);
});

test("one backup is kept even when keep says none", () => {
  assert.deepEqual(imageIds(keptBackups(rotateBackups(record("a"), running("b"), 0))), ["b"]);
});

test("a roll back undoes the rotation, so that failed attempts never push good images out", () => {
  const before = record("c", "b", "a");
  const rotation = rotateBackups(before, running("d"), 3);
  const tags = apply(apply(tagsOf(before), rotation.moves), rotation.undo);
  assert.deepEqual(tags, tagsOf(before));
});

test("a backup whose image is gone is taken out and the gap is closed", () => {
  const rotation = withoutBackup(record("c", "b", "a"), 2);
  assert.deepEqual(imageIds(rotation?.after ?? []), ["c", "a"]);
  assert.equal(withoutBackup(record("c"), 2), null);
});

test("at every moment each backup has a tag, in both directions", () => {
  const images = fc.constantFrom("a", "b", "c", "d", "e", "f");
  const histories = fc.uniqueArray(images, { maxLength: 5 });
  fc.assert(
    fc.property(histories, images, images, (history, now, next) => {
      const before = record(...history);
      const rotation = rotateBackups(before, running(now), 3, next);
      for (const [from, moves, to] of [
        [before, rotation.moves, rotation.after],
        [rotation.after, rotation.undo, before],
      ] as const) {
        // The running image is kept by its container.
        const needed = imageIds(from).filter((id) => id !== now && imageIds(to).includes(id));
        let tags: ReadonlyMap<string, string> = tagsOf(from);
        for (const move of moves) {
          tags = apply(tags, [move]);
          for (const id of needed) assert.ok([...tags.values()].includes(id), `${id} has no tag`);
        }
        assert.deepEqual(new Map([...tags].sort()), new Map([...tagsOf(to)].sort()));
      }
    }),
    { numRuns: 2000 },
  );
});
