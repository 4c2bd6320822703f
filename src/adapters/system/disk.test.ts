import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { createDisk } from "./disk.ts";

test("tells the free bytes of a file system, and null where there is none", async () => {
  const free = await createDisk().freeBytes(tmpdir());
  assert.ok(free !== null && free > 0);
  assert.equal(await createDisk().freeBytes("/nowhere/at/all"), null);
});
