import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { test } from "node:test";
import { openScanFolder } from "./scan-folder.ts";

test("removes what a crash left a day ago, and never a folder in use, whatever the clock says", async () => {
  const cache = mkdtempSync(join(tmpdir(), "scan-folder-"));
  try {
    const leftOver = join(cache, "pratique-scan-crashed");
    mkdirSync(leftOver);
    const first = await openScanFolder(cache);
    assert.ok(first.kind === "folder");
    const root = join(first.report, "..");
    // As both look once the clock was set forward by two days.
    const before = new Date(Date.now() - 2 * 86_400_000);
    for (const folder of [leftOver, root]) utimesSync(folder, before, before);
    const second = await openScanFolder(cache);
    assert.ok(second.kind === "folder");
    const names = readdirSync(cache);
    assert.ok(names.includes(basename(root)), "the folder of the scan that runs");
    assert.ok(!names.includes("pratique-scan-crashed"));
    await first[Symbol.asyncDispose]();
    await second[Symbol.asyncDispose]();
    assert.deepEqual(readdirSync(cache), []);
  } finally {
    rmSync(cache, { recursive: true });
  }
});
