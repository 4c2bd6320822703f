import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryFolder } from "../../test/temporary-state.ts";
import { Secret } from "../values/secret.ts";
import { logFolder, openAuditLog } from "./audit-log.ts";

function lines(folder: string): unknown[] {
  return readdirSync(logFolder(folder))
    .sort()
    .flatMap((name) =>
      readFileSync(join(logFolder(folder), name), "utf8")
        .trim()
        .split("\n"),
    )
    .map((line) => JSON.parse(line));
}

test("appends a JSON line a day's file, and only the owner can read it", () => {
  using folder = temporaryFolder();
  let nowMs = Date.UTC(2026, 0, 14, 23, 59, 59);
  const log = openAuditLog(folder.path, { now: () => nowMs });
  assert.equal(log.write({ event: "step", container: "web", durationMs: 4 }), true);
  nowMs += 1000;
  assert.equal(log.write({ event: "run", outcome: "done" }), true);
  assert.deepEqual(readdirSync(logFolder(folder.path)).sort(), [
    "2026-01-14.log",
    "2026-01-15.log",
  ]);
  assert.deepEqual(lines(folder.path), [
    { time: "2026-01-14T23:59:59.000Z", event: "step", container: "web", durationMs: 4 },
    { time: "2026-01-15T00:00:00.000Z", event: "run", outcome: "done" },
  ]);
  assert.equal(statSync(join(logFolder(folder.path), "2026-01-14.log")).mode & 0o777, 0o600);
  assert.equal(statSync(logFolder(folder.path)).mode & 0o777, 0o700);
});

test("hides secrets, also those learned later (I12)", () => {
  using folder = temporaryFolder();
  const log = openAuditLog(folder.path, { secrets: ["first-secret"] });
  log.write({ event: "command", argv: ["trivy", "first-secret"], token: new Secret("x") });
  log.hide("second-secret");
  log.write({ event: "step", why: "second-secret was refused" });
  const text = JSON.stringify(lines(folder.path));
  assert.doesNotMatch(text, /first-secret|second-secret/);
  assert.match(text, /trivy/);
});

test("never throws into the procedure: a line that cannot be written is counted", () => {
  using folder = temporaryFolder();
  writeFileSync(join(folder.path, "logs"), "in the way");
  const log = openAuditLog(folder.path);
  assert.equal(log.write({ event: "step" }), false);
  assert.equal(log.write({ event: "step" }), false);
  assert.equal(log.lost, 2);
});

test("a value that JSON does not know costs its line only", () => {
  using folder = temporaryFolder();
  const log = openAuditLog(folder.path);
  assert.equal(log.write({ event: "step", big: 1n }), false);
  assert.equal(log.write({ event: "step" }), true);
});

test("a line is bounded, and says that it was cut", () => {
  using folder = temporaryFolder();
  const log = openAuditLog(folder.path);
  const output = Array.from({ length: 99 }, () => "x".repeat(1024 * 1024));
  log.write({ event: "command", output });
  const [line] = lines(folder.path) as [{ event: string; truncated: boolean }];
  assert.deepEqual([line.event, line.truncated], ["command", true]);
  assert.ok(JSON.stringify(line).length < 64 * 1024);
});
