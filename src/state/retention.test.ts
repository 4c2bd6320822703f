import assert from "node:assert/strict";
import { readdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { DAY_MS, digest, temporaryState } from "../../test/temporary-state.ts";
import type { Scan } from "../ports.ts";
import { addApproval, listApprovals } from "./approvals.ts";
import { logFolder, openAuditLog } from "./audit-log.ts";
import { saveCandidate } from "./candidates.ts";
import { firstSeen } from "./first-seen.ts";
import { closeOperation, failedRollbacks, openOperation, unfinishedOperations } from "./journal.ts";
import { enqueueMessage, listMessages, markDelivered } from "./outbox.ts";
import { putInQueue } from "./queue.ts";
import { removeOldState } from "./retention.ts";
import { beginRun, closeInterruptedRuns, listRuns } from "./runs.ts";
import { reportFolder, reportPath } from "./scan-reports.ts";
import { latestScan, saveScan } from "./scans.ts";
import type { State } from "./state.ts";
import { listUpdates, recordUpdate } from "./updates.ts";

const KEEP = { logsMs: 30 * DAY_MS, reportsMs: 30 * DAY_MS };
const THREE_YEARS_MS = 3 * 365 * DAY_MS;

function scan(digit: string): Scan {
  return {
    kind: "scanned",
    digest: digest(digit),
    findings: [],
    packageCount: 1,
    os: null,
    endOfLife: false,
    scannerVersion: null,
    databaseUpdatedAtMs: null,
    report: Buffer.from("{}"),
  };
}

/** Report files carry the time of the machine, not of the test. */
function ageReport(state: State, digit: string): void {
  utimesSync(reportPath(state, digest(digit)), new Date(0), new Date(0));
}

test("removes logs by the day in their name and leaves foreign files alone", () => {
  using temporary = temporaryState();
  const { state, folder } = temporary;
  const log = openAuditLog(folder, { now: state.now });
  log.write({ event: "old" });
  temporary.pass(30 * DAY_MS);
  writeFileSync(join(logFolder(folder), "notes.txt"), "mine");
  writeFileSync(join(logFolder(folder), "2020-01-01.log.gz"), "mine");
  assert.equal(removeOldState(state, KEEP).logs, 0, "exactly as old as allowed");
  temporary.pass(DAY_MS);
  log.write({ event: "new" });
  assert.equal(removeOldState(state, KEEP).logs, 1);
  assert.deepEqual(readdirSync(logFolder(folder)).sort(), [
    "2020-01-01.log.gz",
    "2026-02-14.log",
    "notes.txt",
  ]);
});

test("removes old scans and reports, but none of a digest that is still of use", () => {
  using temporary = temporaryState();
  const { state, folder } = temporary;
  for (const digit of ["1", "2", "3", "4"]) {
    saveScan(state, scan(digit), "nginx:1");
    ageReport(state, digit);
  }
  putInQueue(state, {
    container: "web",
    reference: "nginx:1",
    digest: digest("2"),
    reason: { kind: "blocked", why: "" },
    ids: [],
    nextTryMs: null,
  });
  saveCandidate(state, {
    container: "web",
    reference: "nginx:1",
    runningImageId: null,
    runningDigest: digest("3"),
    candidate: digest("4"),
    outcome: { kind: "blocked" },
    decision: null,
  });
  temporary.pass(31 * DAY_MS);
  assert.deepEqual(removeOldState(state, KEEP), { logs: 0, reports: 1, rows: 1 });
  assert.equal(latestScan(state, digest("1")), null);
  for (const digit of ["2", "3", "4"]) assert.notEqual(latestScan(state, digest(digit)), null);
  assert.equal(readdirSync(reportFolder(folder)).length, 3);
});

test("removes history after two years, and never what is still open", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  const runId = beginRun(state, { kind: "weekly", host: "amy", dryRun: false });
  const open = { runId, kind: "update", plan: {} } as const;
  openOperation(state, { ...open, containers: ["open"] });
  closeOperation(
    state,
    openOperation(state, { ...open, containers: ["failed"] }),
    "rollback-failed",
  );
  closeOperation(state, openOperation(state, { ...open, containers: ["done"] }), "committed");
  for (const end of ["rollback-failed", "committed"] as const) {
    closeOperation(state, openOperation(state, { ...open, containers: ["mended"] }), end);
  }
  const idle = beginRun(state, { kind: "check", host: "amy", dryRun: false });
  closeInterruptedRuns(state, null, "killed");
  recordUpdate(state, {
    runId,
    container: "done",
    service: "done",
    reference: "nginx:1",
    outcome: { kind: "blocked" },
    from: { digest: null, imageId: null },
    to: { digest: null, imageId: null },
    decision: null,
    databaseUpdatedAtMs: null,
    scannerVersion: null,
    policy: null,
    phases: [],
    downtimeMs: null,
    fixed: [],
    new: [],
  });
  const content = { title: "", body: "", priority: 3, tags: [], click: null };
  const told = enqueueMessage(state, { event: "run-summary", container: null, message: content });
  markDelivered(state, told, "server");
  enqueueMessage(state, { event: "run-summary", container: null, message: content });
  const seenMs = firstSeen(state, "nginx:1", digest("1"));
  firstSeen(state, "nginx:1", digest("2"));
  saveCandidate(state, {
    container: "web",
    reference: "nginx:1",
    runningImageId: null,
    runningDigest: null,
    candidate: digest("2"),
    outcome: { kind: "blocked" },
    decision: null,
  });
  const approval = { container: "web", digest: null, ids: ["CVE-1"], reason: "x", by: "admin" };
  addApproval(state, { ...approval, expiresAtMs: state.now() });
  addApproval(state, { ...approval, expiresAtMs: null });

  assert.equal(removeOldState(state, KEEP).rows, 0);
  temporary.pass(THREE_YEARS_MS);
  removeOldState(state, KEEP);
  assert.deepEqual(listUpdates(state), []);
  assert.deepEqual(
    unfinishedOperations(state).map(({ containers }) => containers),
    [["open"]],
  );
  assert.deepEqual(
    failedRollbacks(state).map(({ containers }) => containers),
    [["failed"]],
    "what was mended does not come back",
  );
  assert.deepEqual(
    listRuns(state).map(({ id }) => id),
    [runId],
    `${idle} is gone, the run of open operations is not`,
  );
  assert.equal(listMessages(state).length, 1, "what is not delivered stays");
  assert.equal(listApprovals(state).length, 1);
  assert.equal(firstSeen(state, "nginx:1", digest("2")), seenMs, "still a candidate");
  assert.equal(firstSeen(state, "nginx:1", digest("1")), state.now(), "forgotten");
});

test("removes temporary files whose writer was killed, after a day", () => {
  using temporary = temporaryState();
  const { state, folder } = temporary;
  for (const name of ["retry-queue.json.123.tmp", "pratique.db.99.new-wal", "keep.tmp"]) {
    writeFileSync(join(folder, name), "");
    utimesSync(join(folder, name), new Date(0), new Date(0));
  }
  writeFileSync(join(folder, "lock.json.7.tmp"), "");
  removeOldState(state, KEEP);
  const left = readdirSync(folder).filter((name) => /tmp|new/.test(name));
  assert.deepEqual(left.sort(), ["keep.tmp", "lock.json.7.tmp"]);
});
