import assert from "node:assert/strict";
import test from "node:test";
import { coveringJob } from "./overlap.ts";

test("weekly covers the queue and the look for updates, and nothing covers weekly but itself", () => {
  assert.equal(coveringJob("retry", ["backup", "weekly"]), "weekly");
  assert.equal(coveringJob("check", ["weekly"]), "weekly");
  assert.equal(coveringJob("weekly", ["retry", "check", "backup", "drill"]), null);
  assert.equal(coveringJob("backup", ["weekly"]), null);
  assert.equal(coveringJob("drill", ["weekly", "backup"]), null);
  assert.equal(coveringJob("retry", ["retry"]), "retry");
  assert.equal(coveringJob("retry", []), null);
});
