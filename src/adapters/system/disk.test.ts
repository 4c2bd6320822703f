import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { createDisk, findMount } from "./disk.ts";

test("tells the free bytes of a file system, and null where there is none", async () => {
  const free = await createDisk().freeBytes(tmpdir());
  assert.ok(free !== null && free > 0);
  assert.equal(await createDisk().freeBytes("/nowhere/at/all"), null);
});

test("finds the mount that holds a path: the longest point, and the last of two", () => {
  const table = [
    "1 0 8:1 / / rw - ext4 /dev/sda1 rw",
    "2 1 0:40 / /mnt/BIG rw,noexec - zfs BIG rw",
    "3 2 0:41 / /mnt/BIG/state rw,nosuid - nfs4 nas:/state rw",
    "4 1 0:42 / /mnt/my\\040pool rw - xfs /dev/sdb rw",
  ].join("\n");
  const typeOf = (path: string) => findMount(path, table)?.type;
  assert.equal(typeOf("/var/lib"), "ext4");
  assert.deepEqual(findMount("/mnt/BIG/a", table), { type: "zfs", options: ["rw", "noexec"] });
  assert.equal(typeOf("/mnt/BIG/state/logs"), "nfs4");
  assert.equal(typeOf("/mnt/BIGGER"), "ext4");
  assert.equal(typeOf("/mnt/my pool/a"), "xfs");
  assert.equal(findMount("/a", ""), null);
});

test("knows the mount of a real folder, and none of one that is not there", async () => {
  assert.ok(((await createDisk().mountOf("/proc"))?.type ?? "") === "proc");
  assert.equal(await createDisk().mountOf("/nowhere/at/all"), null);
});
