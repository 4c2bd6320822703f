import assert from "node:assert/strict";
import test from "node:test";
import type { ContainerReport, ProgressEvent } from "../../update/outcome.ts";
import { lineProgress, liveProgress, pullText } from "./progress.ts";
import { painter } from "./style.ts";

const REPORT: ContainerReport = {
  container: "web",
  service: "web",
  reference: "nginx:1",
  runningImageId: `sha256:${"1".repeat(64)}`,
  runningDigest: null,
  candidate: null,
  decision: null,
  outcome: { kind: "failed", phase: "pull", why: "no\u001b[2J space" },
  phases: [],
};

const EVENTS: ProgressEvent[] = [
  { kind: "phase", container: "web", phase: "pull", text: "nginx:1" },
  {
    kind: "pull",
    container: "web",
    progress: { doneBytes: 92_000_000, totalBytes: 184_000_000, layersDone: 7, layersTotal: 12 },
  },
  { kind: "wait", container: "web", text: "starting", elapsedMs: 12_300, timeoutMs: 120_000 },
  { kind: "wait", container: "web", text: "starting", elapsedMs: 13_300, timeoutMs: 120_000 },
  { kind: "note", text: "the engine is slow" },
  { kind: "report", report: REPORT },
];

function capture(columns?: number) {
  const written: string[] = [];
  let nowMs = 0;
  return {
    written,
    pass: (durationMs: number) => {
      nowMs += durationMs;
    },
    options: {
      stream: {
        write: (text: string) => written.push(text),
        on: () => {},
        ...(columns === undefined ? {} : { columns }),
      },
      paint: painter(false),
      clock: { now: () => nowMs, monotonicMs: () => nowMs },
    },
  };
}

test("without a terminal there is one plain line a phase, note and result", () => {
  const { written, options } = capture();
  const display = lineProgress({ ...options, withTime: false, withDetails: false });
  for (const event of EVENTS) display.progress(event);
  assert.equal(
    written.join(""),
    "web: pull: nginx:1\nthe engine is slow\nweb: FAILED: pull failed\n",
  );
});

test("with details a wait is told once for each thing that is new in it", () => {
  const { written, options } = capture();
  const display = lineProgress({ ...options, withTime: false, withDetails: true });
  for (const event of EVENTS) display.progress(event);
  assert.equal(written.join("").match(/starting/g)?.length, 1);
});

test("a terminal shows containers in hand in place, and results above them", () => {
  const { written, options, pass } = capture(60);
  const display = liveProgress(options);
  const [phase, pull, , , note, report] = EVENTS as [
    ProgressEvent,
    ProgressEvent,
    ...ProgressEvent[],
  ];
  display.progress(phase);
  display.progress({ kind: "phase", container: "db", phase: "scan", text: "postgres:15" });
  display.progress(pull);
  pass(3200);
  display.progress(note as ProgressEvent);
  const drawn = written.join("");
  assert.match(drawn, /^the engine is slow\n/);
  assert.match(drawn, / {2}web {2}pull {2}7\/12 layers, 92 MB of 184 MB, 50 % {2}3 s\n/);
  assert.match(drawn, / {2}db {2}scan {2}postgres:15 {2}3 s\n/);
  written.length = 0;
  display.progress(report as ProgressEvent);
  assert.ok(written[0]?.startsWith("\u001b[2A\u001b[0Jweb: FAILED"), "two lines are erased first");
  display.end({ isReportNext: true });
  assert.equal(written.at(-1), "\u001b[2A\u001b[0J", "nothing stays: the report has it all");
});

test("a phase that is over is no longer drawn, also where its result is known already", () => {
  const { written, options } = capture(60);
  const display = liveProgress(options);
  display.progress({ kind: "phase", container: "web, db", phase: "clean-up", text: "removing" });
  display.progress({ kind: "report", report: REPORT });
  assert.match(written.at(-1) ?? "", /web, db {2}clean-up {2}removing {2}0 s\n$/);
  display.progress({ kind: "phase-end", container: "web, db" });
  display.progress({ kind: "note", text: "now" });
  assert.match(written.at(-1) ?? "", /^web: FAILED: pull failed\n$/);
  display.end({ isReportNext: true });
});

test("results stay on the terminal where no report follows", () => {
  const { written, options } = capture(60);
  const display = liveProgress(options);
  display.progress({ kind: "report", report: REPORT });
  display.end({ isReportNext: false });
  assert.equal(written.at(-1), "\u001b[1A\u001b[0Jweb: FAILED: pull failed\n");
  display.end({ isReportNext: false });
  assert.equal(written.at(-1), "", "once");
});

test("results in place never fill more than the screen", () => {
  const { written, options } = capture(60);
  const display = liveProgress({ ...options, stream: { ...options.stream, rows: 6 } });
  for (let count = 0; count < 9; count += 1) display.progress({ kind: "report", report: REPORT });
  display.end({ isReportNext: true });
  assert.equal(written.at(-1), "\u001b[5A\u001b[0J");
  assert.match(written.at(-2) ?? "", /… 5 more before these\n/);
});

test("a live line never wraps", () => {
  const { written, options } = capture(40);
  const display = liveProgress(options);
  display.progress({ kind: "phase", container: "web", phase: "scan", text: "x".repeat(200) });
  display.progress({ kind: "note", text: "now" });
  display.end({ isReportNext: true });
  const line =
    written
      .join("")
      .split("\n")
      .find((text) => text.includes("xxx")) ?? "";
  assert.ok(line.length > 0 && line.length <= 40, `${line.length}`);
});

test("a percentage is shown only when the whole size is known", () => {
  const progress = { doneBytes: 1_400_000_000, totalBytes: null, layersDone: 1, layersTotal: 3 };
  assert.equal(pullText(progress), "1/3 layers, 1.4 GB");
});
