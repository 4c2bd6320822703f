import assert from "node:assert/strict";
import test from "node:test";
import type { ContainerReport, Outcome, RunReport } from "../../update/outcome.ts";
import { runReportLines } from "./run-report.ts";
import { painter } from "./style.ts";

function container(name: string, outcome: Outcome): ContainerReport {
  return {
    container: name,
    service: name,
    reference: `${name}:1`,
    runningImageId: `sha256:${"1".repeat(64)}`,
    runningDigest: `sha256:${"a".repeat(64)}`,
    candidate: `sha256:${"b".repeat(64)}`,
    decision: null,
    outcome,
    phases: [{ phase: "pull", durationMs: 1200 }],
  };
}

function report(containers: ContainerReport[], more: Partial<RunReport> = {}): RunReport {
  return {
    schema: 1,
    run: "0a1b2c3d",
    kind: "weekly",
    host: "amy",
    dryRun: false,
    startedAt: "2026-01-14T04:30:00.000Z",
    durationMs: 61_000,
    containers,
    interrupted: null,
    exitCode: 0,
    ...more,
  };
}

const OPTIONS = {
  width: Number.POSITIVE_INFINITY,
  paint: painter(false),
  quiet: false,
  verbose: false,
};

test("a run shows one line a container, the evidence of failures and the counts", () => {
  const lines = runReportLines(
    report([
      container("web", { kind: "updated", downtimeMs: 4200 }),
      container("db", { kind: "up-to-date" }),
      container("app", {
        kind: "rolled-back",
        phase: "verify",
        why: "GET / gave 500",
        evidence: ["panic: \u001b[31mno database"],
      }),
    ]),
    OPTIONS,
  );
  assert.deepEqual(lines, [
    "CONTAINER  OUTCOME      IMAGE                        DETAIL",
    "web        UPDATED      aaaaaaaaaaaa → bbbbbbbbbbbb  downtime 4.2 s",
    "db         UP TO DATE   aaaaaaaaaaaa → bbbbbbbbbbbb",
    "app        ROLLED BACK  aaaaaaaaaaaa → bbbbbbbbbbbb  verify: GET / gave 500",
    "",
    "app: ROLLED BACK",
    "  verify: GET / gave 500",
    "  panic: \\x1b[31mno database",
    "weekly on amy: 1 rolled back, 1 updated, 1 up to date, in 1 min 1 s.",
  ]);
});

test("quiet prints nothing when nothing happened, and only what did when something did", () => {
  const calm = [
    container("db", { kind: "up-to-date" }),
    container("x", { kind: "skipped", why: "" }),
  ];
  assert.deepEqual(runReportLines(report(calm), { ...OPTIONS, quiet: true }), []);
  const lines = runReportLines(report([...calm, container("web", { kind: "blocked" })]), {
    ...OPTIONS,
    quiet: true,
  });
  assert.ok(lines.some((line) => line.startsWith("web ")));
  assert.ok(!lines.some((line) => line.startsWith("db ")));
});

test("a dry run ends by saying that nothing was changed", () => {
  const lines = runReportLines(
    report([container("web", { kind: "would-update" })], { dryRun: true }),
    OPTIONS,
  );
  assert.match(lines.at(-1) ?? "", /nothing in service was changed/);
});

test("a run that ended early says so, also with quiet", () => {
  const lines = runReportLines(report([], { interrupted: "SIGTERM" }), { ...OPTIONS, quiet: true });
  assert.ok(lines.includes("Ended early: SIGTERM"));
});
