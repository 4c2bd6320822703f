import assert from "node:assert/strict";
import { test } from "node:test";
import { ownContainerId } from "./own-container.ts";

const ID = "a1".repeat(32);

test("the container is found in the mount table, whatever its host name and cgroup", () => {
  const line = `707 691 8:1 /var/lib/docker/containers/${ID}/hostname /etc/hostname rw - ext4 /dev/sda1 rw`;
  assert.equal(ownContainerId(`1 0 0:1 / / rw\n${line}\n`), ID);
  assert.equal(ownContainerId(line.replace("/hostname /etc", "/resolv.conf /etc")), ID);
});

test("mounts of other containers' files are no sign of one's own", () => {
  assert.equal(ownContainerId(`1 0 0:1 /var/lib/docker/containers/${ID}/data /data rw`), null);
  assert.equal(ownContainerId(""), null);
});
