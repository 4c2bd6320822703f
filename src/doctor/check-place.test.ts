import assert from "node:assert/strict";
import { test } from "node:test";
import { temporaryState } from "../../test/temporary-state.ts";
import type { Config } from "../config/config.ts";
import { loadConfig } from "../config/load.ts";
import { acquireLock } from "../state/lock.ts";
import { writeMark } from "../state/schedule-marks.ts";
import { checkSchedule, checkStatePlace, checkTimezone } from "./check-place.ts";

const NOW = Date.parse("2026-12-02T12:00:00Z");
const CLOCK = { now: () => NOW, monotonicMs: () => 0, sleep: async () => {} };

function configOf(more: string): Config {
  const result = loadConfig({
    path: "/pratique.yaml",
    workingFolder: "/",
    environment: {},
    readFile: () => `host: lab\n${more}`,
  });
  assert.ok(result.ok);
  return result.config;
}

function mounted(type: string, ...options: string[]) {
  return { disk: { freeBytes: async () => null, mountOf: async () => ({ type, options }) } };
}

test("a state folder on a network file system is a warning, a local one is none", async () => {
  const config = configOf("state: /nas/state\n");
  for (const type of ["nfs4", "nfs", "cifs", "smb3", "fuse.sshfs", "9p"]) {
    const check = await checkStatePlace(config, mounted(type));
    assert.equal(check.verdict, "warn", type);
    assert.match(check.fix ?? "", /local disk/);
  }
  for (const type of ["ext4", "zfs", "btrfs", "xfs", "overlay"]) {
    assert.equal((await checkStatePlace(config, mounted(type))).verdict, "ok", type);
  }
});

test("noexec is no fault: it is said, because scripts are started differently there", async () => {
  const check = await checkStatePlace(configOf(""), mounted("zfs", "rw", "noexec"));
  assert.equal(check.verdict, "ok");
  assert.match(check.found, /noexec: give scripts to sh/);
});

test("a schedule whose zone nobody set is a warning; a set one says what time it is", () => {
  const config = configOf('schedule: { weekly: "30 4 * * 3", timezone: Europe/Berlin }\n');
  const set = checkTimezone(config, NOW, true);
  assert.equal(set.verdict, "ok");
  assert.match(set.found, /Europe\/Berlin.*13:00/);
  assert.equal(checkTimezone(config, NOW, false).verdict, "warn");
  assert.equal(checkTimezone(configOf(""), NOW, false).verdict, "ok");
});

test("a schedule needs somebody who carries it out, and runs that did not happen are named", async () => {
  using temporary = temporaryState();
  const { state, folder } = temporary;
  const config = configOf('schedule: { weekly: "30 4 * * 3", timezone: UTC }\n');
  const [alone] = await checkSchedule(config, state, NOW);
  assert.match(alone?.found ?? "", /no daemon is running/);
  assert.equal((await checkSchedule(configOf(""), state, NOW))[0]?.verdict, "ok");

  const lock = await acquireLock(folder, {
    command: "serve",
    waitMs: 0,
    clock: CLOCK,
    name: "daemon",
  });
  const [busy] = await checkSchedule(config, state, NOW);
  assert.match(busy?.found ?? "", /the daemon carries it out; next weekly at 2026-12-09T04:30/);
  const dueMs = Date.parse("2026-11-25T04:30:00Z");
  writeMark(state, "weekly", { schedule: "30 4 * * 3 UTC", dueMs, state: "settled" });
  const [missed] = await checkSchedule(config, state, NOW);
  assert.match(missed?.found ?? "", /weekly of 2026-12-02T04:30.* did not happen, 7 h 30 min ago/);
  assert.match(missed?.fix ?? "", /pratique weekly/);
  lock.release();
});
