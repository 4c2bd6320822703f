import assert from "node:assert/strict";
import { chmodSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { digest, temporaryFolder } from "../../test/temporary-state.ts";
import { openAuditLog } from "./audit-log.ts";
import { acquireLock } from "./lock.ts";
import { openState } from "./open-state.ts";
import { publishAfterCommit, queueFilePath } from "./queue.ts";
import { saveReport } from "./scan-reports.ts";

const clock = { now: Date.now, monotonicMs: () => performance.now(), sleep: async () => {} };

for (const umask of [0o000, 0o022, 0o077]) {
  test(`everything in the state folder is the owner's alone, with umask ${umask.toString(8)}`, async () => {
    using parent = temporaryFolder();
    const former = process.umask(umask);
    try {
      const folder = join(parent.path, "state");
      openState(folder).close();
      const state = openState(folder);
      const lock = await acquireLock(folder, { command: "weekly", waitMs: 0, clock });
      openAuditLog(folder).write({ event: "step" });
      saveReport(state, digest("a"), Buffer.from("{}"));
      state.transaction(() => publishAfterCommit(state));
      const kinds = new Map(
        readdirSync(folder, { recursive: true, withFileTypes: true }).map((entry) => {
          const path = join(entry.parentPath, entry.name);
          return [path, [entry.isDirectory(), statSync(path).mode & 0o777] as const];
        }),
      );
      lock.release();
      state.close();
      assert.ok(kinds.size >= 10, [...kinds.keys()].join("\n"));
      for (const [path, [isFolder, mode]] of kinds) {
        assert.equal(mode, isFolder ? 0o700 : 0o600, path);
      }
      assert.equal(statSync(folder).mode & 0o777, 0o700);
    } finally {
      process.umask(former);
    }
  });
}

test("the kept copy of an old queue is the owner's alone, whoever could read the original", () => {
  using folder = temporaryFolder();
  writeFileSync(queueFilePath(folder.path), '["web"]');
  chmodSync(queueFilePath(folder.path), 0o666);
  openState(folder.path).close();
  for (const name of ["retry-queue.imported.json", "retry-queue.json"]) {
    assert.equal(statSync(join(folder.path, name)).mode & 0o777, 0o600, name);
  }
});
