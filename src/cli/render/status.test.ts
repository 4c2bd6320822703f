import assert from "node:assert/strict";
import test from "node:test";
import type { QueueEntry } from "../../state/queue.ts";
import type { ContainerStatus, StatusReport } from "../reports.ts";
import { statusLines } from "./status.ts";
import { painter } from "./style.ts";
import { lengthOf } from "./table.ts";

const NOW_MS = Date.UTC(2026, 0, 14, 4, 30);
const PASS = { kind: "pass", comparison: null, approvals: [] } as const;
const FAILED: QueueEntry["reason"] = {
  kind: "failed",
  phase: "verify",
  why: "wiki did not become healthy within 8 s: GET http://wiki/: 500",
};

function status(container: string, more: Partial<ContainerStatus> = {}): ContainerStatus {
  return {
    container,
    service: container,
    reference: `127.0.0.1:5000/${container}:latest`,
    state: "running",
    runningImageId: `sha256:${"1".repeat(64)}`,
    runningDigest: `sha256:${"a".repeat(64)}`,
    candidate: `sha256:${"b".repeat(64)}`,
    skipped: null,
    recreatedWith: null,
    decision: null,
    queue: null,
    lastUpdate: null,
    backups: 0,
    ...more,
  };
}

function waiting(container: string, reason: QueueEntry["reason"], ids: string[] = []): QueueEntry {
  return {
    container,
    reference: `${container}:latest`,
    digest: null,
    reason,
    ids,
    sinceMs: NOW_MS,
    lastTryMs: NOW_MS,
    nextTryMs: null,
    attempts: 1,
    notifiedKey: null,
  };
}

function lines(containers: ContainerStatus[], options: { width?: number; colour?: boolean } = {}) {
  const report: StatusReport = {
    schema: 1,
    host: "harbour",
    at: new Date(NOW_MS).toISOString(),
    running: null,
    unfinished: [],
    nextRun: null,
    nextRuns: [],
    daemon: null,
    undelivered: 0,
    containers,
  };
  return statusLines(report, {
    width: options.width ?? Number.POSITIVE_INFINITY,
    paint: painter(options.colour ?? false),
    nowMs: NOW_MS,
    quiet: false,
  });
}

const WIKI = status("wiki", {
  decision: PASS,
  queue: waiting("wiki", FAILED),
  lastUpdate: { at: new Date(NOW_MS - 7_500_000).toISOString(), outcome: "rolled-back" },
});

test("in 100 columns the name of the image, the decision and the last update are whole", () => {
  const shown = lines([status("photos"), WIKI], { width: 100 });
  assert.ok(
    shown.slice(0, 3).every((line) => lengthOf(line) <= 100),
    shown.join("\n"),
  );
  assert.match(shown[2] ?? "", /…\S*\/wiki:latest +a{12} +b{12} +FAILED +rolled back 2 h ago +0$/);
});

test("why something waits stands below the table, once and whole", () => {
  assert.deepEqual(lines([WIKI], { width: 100 }).slice(2), [
    "",
    "Waiting:",
    "  wiki: FAILED (verify): wiki did not become healthy within 8 s: GET http://wiki/: 500",
  ]);
});

test("a reason that is longer than the terminal is wide goes on below, indented", () => {
  const [first, ...rest] = lines([WIKI], { width: 60 }).slice(4);
  assert.equal(first, "  wiki: FAILED (verify): wiki did not become healthy");
  assert.deepEqual(rest, ["    within 8 s: GET http://wiki/: 500"]);
});

test("a block that waits names the findings, and what the update would change", () => {
  const none = { CRITICAL: 0, HIGH: 0, MEDIUM: 0, LOW: 0, UNKNOWN: 0 };
  const comparison = { running: none, candidate: none, fixed: [], new: ["CVE-1"], both: [] };
  const decision: ContainerStatus["decision"] = {
    kind: "block",
    blockers: [{ rule: "severity", severity: "HIGH", ids: ["CVE-1"] }],
    comparison,
    expiredApprovals: [],
  };
  const queue = waiting("chat", { kind: "blocked", why: "HIGH CVE-1" }, ["CVE-1"]);
  const shown = lines([status("chat", { decision, queue })]);
  assert.match(shown[1] ?? "", / BLOCKED /);
  assert.equal(shown.at(-1), "  chat: BLOCKED: 1 HIGH: CVE-1; 0 fixed, 1 new");
});

test("a failed update is not green because the gate had let it pass", () => {
  const shown = lines([WIKI], { colour: true }).join("\n");
  assert.ok(shown.includes("\u001b[31mFAILED\u001b[39m"), JSON.stringify(shown));
  assert.ok(!shown.includes("\u001b[32m"));
});

test("the state has a column only where something does not run", () => {
  assert.doesNotMatch(lines([status("web")])[0] ?? "", /STATE/);
  const shown = lines([status("web"), status("db", { state: "exited" })]);
  assert.match(shown[0] ?? "", /STATE/);
  assert.match(shown[2] ?? "", /^db +exited /);
});

test("what is skipped has its reason, with a digest that can be read", () => {
  const skipped = `pinned to sha256:${"c".repeat(64)}`;
  assert.deepEqual(lines([status("feeds", { skipped })]), [
    "No container is watched.",
    "",
    "Skipped:",
    "  feeds: pinned to sha256:cccccccccccc…",
  ]);
});

test("says with which container another is recreated", () => {
  const shown = lines([status("vpn"), status("torrent", { recreatedWith: "vpn" })]);
  assert.ok(shown.includes("  torrent: with vpn, whose network it shares"), shown.join("\n"));
  assert.ok(
    !lines([status("vpn")])
      .join("\n")
      .includes("Recreated"),
  );
});
