import assert from "node:assert/strict";
import { test } from "node:test";
import { digest, HOUR_MS, temporaryState } from "../../test/temporary-state.ts";
import type { ImageBackup } from "../policy/retention.ts";
import type { ContainerInspect } from "../ports.ts";
import type { Outcome, RunReport } from "../update/outcome.ts";
import { listBackups, saveBackups } from "./backups.ts";
import {
  claimAvailableNotice,
  keepCandidatesOf,
  knownCandidate,
  listCandidates,
  saveCandidate,
} from "./candidates.ts";
import { firstSeen } from "./first-seen.ts";
import { beginRun, closeInterruptedRuns, endRun, findRun, listRuns } from "./runs.ts";
import type { State } from "./state.ts";
import { lastUpdates, listUpdates, type NewUpdate, recordUpdate } from "./updates.ts";

const BUG = { code: "ERR_ASSERTION" };

function begin(state: State): string {
  return beginRun(state, { kind: "weekly", host: "amy", dryRun: false });
}

function report(run: string): RunReport {
  return {
    schema: 1,
    run,
    kind: "weekly",
    host: "amy",
    dryRun: false,
    startedAt: "2026-01-14T04:30:00.000Z",
    durationMs: 1_000,
    containers: [],
    interrupted: null,
    exitCode: 0,
  };
}

test("a run ends once, with its report", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  const id = begin(state);
  assert.equal(findRun(state, id)?.endedAtMs, null);
  temporary.pass(HOUR_MS);
  endRun(state, report(id));
  const run = findRun(state, id);
  assert.deepEqual([run?.endedAtMs, run?.exitCode, run?.report], [state.now(), 0, report(id)]);
  assert.throws(() => endRun(state, report(id)), BUG);
});

test("runs that a crash left open are closed, the present one is not", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  const [crashed, ended, present] = [begin(state), begin(state), begin(state)];
  endRun(state, report(ended));
  assert.deepEqual(closeInterruptedRuns(state, present, "killed"), [crashed]);
  assert.equal(findRun(state, crashed)?.interrupted, "killed");
  assert.equal(findRun(state, ended)?.interrupted, null);
  assert.equal(findRun(state, present)?.endedAtMs, null);
  assert.deepEqual(closeInterruptedRuns(state, null, "killed"), [present]);
});

test("runs are listed newest first, by kind", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  const first = begin(state);
  temporary.pass(1);
  const second = beginRun(state, { kind: "retry", host: "amy", dryRun: true });
  assert.deepEqual(
    listRuns(state).map(({ id, dryRun }) => [id, dryRun]),
    [
      [second, true],
      [first, false],
    ],
  );
  assert.equal(listRuns(state, { kind: "weekly" }).length, 1);
  assert.equal(listRuns(state, { limit: 1 }).length, 1);
  const third = begin(state);
  assert.equal(listRuns(state)[0]?.id, third, "the later one of the same millisecond");
  assert.equal(findRun(state, "unknown"), null);
});

function update(runId: string, container: string, outcome: Outcome): NewUpdate {
  return {
    runId,
    container,
    service: container,
    reference: "nginx:1",
    outcome,
    from: { digest: digest("1"), imageId: "sha256:old" },
    to: { digest: digest("2"), imageId: null },
    decision: { kind: "hold", reason: "scan", why: "x" },
    databaseUpdatedAtMs: 5,
    scannerVersion: "0.60.0",
    policy: { mode: "strict" },
    phases: [{ phase: "pull", durationMs: 12.5 }],
    downtimeMs: 4.25,
    fixed: ["CVE-1"],
    new: [],
  };
}

test("the history keeps everything about an update and is listed newest first", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  const run = begin(state);
  const updated: Outcome = { kind: "updated", downtimeMs: 4.25 };
  const first = recordUpdate(state, update(run, "web", updated));
  temporary.pass(HOUR_MS);
  recordUpdate(state, update(run, "api", { kind: "blocked" }));
  assert.deepEqual(
    listUpdates(state).map(({ container }) => container),
    ["api", "web"],
  );
  assert.deepEqual(listUpdates(state, { container: "web" }), [
    { ...update(run, "web", updated), id: first, atMs: state.now() - HOUR_MS },
  ]);
  assert.equal(listUpdates(state, { kinds: ["blocked", "failed"] })[0]?.container, "api");
  assert.deepEqual(listUpdates(state, { runId: "other" }), []);
  assert.equal(listUpdates(state, { limit: 1 }).length, 1);
});

test("a second outcome of the same container in one run is refused (I6)", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  const run = begin(state);
  recordUpdate(state, update(run, "web", { kind: "blocked" }));
  assert.throws(() => recordUpdate(state, update(run, "web", { kind: "blocked" })), /UNIQUE/);
  assert.equal(listUpdates(state).length, 1);
});

test("the last update of each container is the last that changed something", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  const runs = [begin(state), begin(state), begin(state)] as const;
  recordUpdate(state, update(runs[0], "web", { kind: "updated", downtimeMs: null }));
  recordUpdate(state, update(runs[1], "web", { kind: "failed", phase: "back-up", why: "x" }));
  recordUpdate(state, update(runs[2], "web", { kind: "blocked" }));
  recordUpdate(state, update(runs[2], "api", { kind: "blocked" }));
  const last = lastUpdates(state);
  assert.deepEqual([...last.keys()], ["web"]);
  assert.equal(last.get("web")?.outcome.kind, "failed");
});

function backup(slot: number, imageId: string): ImageBackup {
  return {
    container: "web",
    slot,
    tag: `localhost/backup/web:backup-${slot}`,
    imageId,
    digest: digest("1"),
    reference: "nginx:1",
    createdAtMs: 7,
    inspect: { Id: imageId, Name: "/web" } as ContainerInspect,
  };
}

test("backups are replaced as a whole and listed newest first", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  saveBackups(state, "web", [backup(1, "a")]);
  const rotated = [backup(1, "b"), backup(2, "a")];
  saveBackups(state, "web", rotated);
  assert.deepEqual(listBackups(state, "web"), rotated);
  assert.deepEqual(listBackups(state, "api"), []);
  saveBackups(state, "web", []);
  assert.deepEqual(listBackups(state), []);
});

test("a gap in the slots, or another container's backup, is a bug and changes nothing", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  saveBackups(state, "web", [backup(1, "a")]);
  assert.throws(() => saveBackups(state, "web", [backup(2, "b")]), BUG);
  assert.throws(() => saveBackups(state, "api", [backup(1, "b")]), BUG);
  assert.deepEqual(listBackups(state, "web"), [backup(1, "a")]);
});

test("a digest's first sight is never moved", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  const first = firstSeen(state, "docker.io/library/nginx:1", digest("1"));
  temporary.pass(HOUR_MS);
  assert.equal(firstSeen(state, "docker.io/library/nginx:1", digest("2")), first + HOUR_MS);
  assert.equal(firstSeen(state, "docker.io/library/nginx:1", digest("1")), first);
  assert.equal(firstSeen(state, "docker.io/library/nginx:2", digest("1")), first + HOUR_MS);
});

const KNOWN = {
  container: "web",
  reference: "nginx:1",
  runningImageId: "sha256:old",
  runningDigest: digest("1"),
  candidate: digest("2"),
  outcome: { kind: "available" } as const,
  decision: null,
};

test("'update available' is said once per digest, also after later discoveries", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  saveCandidate(state, KNOWN);
  assert.equal(claimAvailableNotice(state, "web", digest("2")), true);
  saveCandidate(state, { ...KNOWN, outcome: { kind: "blocked" } });
  assert.equal(claimAvailableNotice(state, "web", digest("2")), false);
  saveCandidate(state, { ...KNOWN, candidate: digest("3") });
  assert.equal(claimAvailableNotice(state, "web", digest("3")), true);
  assert.equal(knownCandidate(state, "web")?.notifiedDigest, digest("3"));
});

test("the last discovery is what is known, and containers that are gone are forgotten", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  saveCandidate(state, KNOWN);
  saveCandidate(state, { ...KNOWN, container: "api", candidate: null });
  temporary.pass(HOUR_MS);
  saveCandidate(state, { ...KNOWN, outcome: { kind: "up-to-date" } });
  assert.deepEqual(
    listCandidates(state).map(({ container, outcome, atMs }) => [container, outcome.kind, atMs]),
    [
      ["api", "available", state.now() - HOUR_MS],
      ["web", "up-to-date", state.now()],
    ],
  );
  keepCandidatesOf(state, ["web"]);
  assert.equal(knownCandidate(state, "api"), null);
});
