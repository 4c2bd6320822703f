import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryFolder } from "../../test/temporary-state.ts";
import { createDumpFiles } from "../adapters/dump-files/dump-files.ts";
import { BACKUP_FILES_FAILED, isError } from "../errors.ts";
import { dropOldDumps, listStored } from "./dump-store.ts";
import { SNAPSHOT_MANIFEST } from "./snapshot-manifest.ts";

const ABOUT = { occasion: "pre-update", container: "postgres", host: "lab", keep: 2 } as const;
const files = createDumpFiles();

function makeCopy(folder: string, name: string, createdAt: string): string {
  const path = join(folder, "pre-update", name);
  mkdirSync(join(path, "data"), { recursive: true });
  writeFileSync(join(path, "data", "left-here.sql"), "-- of the server's user\n");
  const facts = { systemIdentifier: "1", checkpoint: "0/1", host: "lab", container: "postgres" };
  const manifest = { schema: 1, kind: "snapshot", createdAt, ...facts };
  writeFileSync(join(path, SNAPSHOT_MANIFEST), JSON.stringify(manifest));
  return path;
}

test("a cold copy is found by its manifest, and its data is not looked into", async () => {
  using place = temporaryFolder();
  const whole = makeCopy(place.path, "postgres-20260101T000000Z.cold", "2026-01-01T00:00:00Z");
  makeCopy(place.path, "postgres-20260201T000000Z.cold.partial", "2026-02-01T00:00:00Z");
  const looked: string[] = [];
  const watched = {
    ...files,
    list: async (...given: Parameters<typeof files.list>) => {
      const found = await files.list(...given);
      looked.push(...found.map(({ path }) => path));
      return found;
    },
  };
  const stored = await listStored(place.path, watched);
  assert.deepEqual(
    stored.map(({ kind, path }) => [kind, path]),
    [["snapshot", whole]],
  );
  assert.ok(looked.length > 0 && looked.every((path) => path.endsWith(SNAPSHOT_MANIFEST)));
});

test("old cold copies are removed by whoever may do it, and stay where nobody may", async () => {
  using place = temporaryFolder();
  const [oldest = ""] = [1, 2, 3].map((month) =>
    makeCopy(place.path, `postgres-20260${month}01T000000Z.cold`, `2026-0${month}-01T00:00:00Z`),
  );
  assert.deepEqual(await dropOldDumps(place.path, ABOUT, files), []);
  const removed: string[] = [];
  const remove = async (paths: readonly string[]) => void removed.push(...paths);
  assert.deepEqual(await dropOldDumps(place.path, ABOUT, files, remove), [oldest]);
  assert.deepEqual(removed, [oldest]);
});

test("a folder that cannot be read is explained", async () => {
  using place = temporaryFolder();
  const file = join(place.path, "file");
  writeFileSync(file, "");
  await assert.rejects(
    async () => await listStored(file, files),
    (error: unknown) => isError(error, BACKUP_FILES_FAILED) && error.message.includes("ENOTDIR"),
  );
});
