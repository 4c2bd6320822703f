import assert from "node:assert/strict";
import test from "node:test";
import type { Finding } from "../../ports.ts";
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

const NONE = { CRITICAL: 0, HIGH: 0, MEDIUM: 0, LOW: 0, UNKNOWN: 0 };

function finding(id: string): Finding {
  return {
    id,
    severity: "HIGH",
    package: "libssl3",
    installedVersion: "3.0.9",
    fixedVersion: "3.0.11",
    status: "fixed",
    title: "buffer \u001b[2J overread",
    url: null,
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

test("a run shows one line a container, the reasons and evidence once, and the counts", () => {
  const lines = runReportLines(
    report([
      container("web", { kind: "updated", downtimeMs: 4200 }),
      container("db", { kind: "up-to-date" }),
      container("app", {
        kind: "rolled-back",
        phase: "verify",
        why: "app did not become healthy within 8 s: GET / gave 500",
        evidence: ["waited 8 s", "GET / gave 500", "panic: \u001b[31mno database"],
      }),
    ]),
    OPTIONS,
  );
  assert.deepEqual(lines, [
    "CONTAINER  OUTCOME      IMAGE                        DETAIL",
    "web        UPDATED      aaaaaaaaaaaa → bbbbbbbbbbbb  downtime 4.2 s",
    "db         UP TO DATE   aaaaaaaaaaaa",
    "app        ROLLED BACK  aaaaaaaaaaaa → bbbbbbbbbbbb  verify failed",
    "",
    "app: ROLLED BACK, the former image runs and is as healthy as before",
    "  app did not become healthy within 8 s: GET / gave 500",
    "  panic: \\x1b[31mno database",
    "",
    "weekly on amy: 1 rolled back, 1 updated, 1 up to date, in 1 min 1 s.",
  ]);
});

const BLOCKED: ContainerReport = {
  ...container("chat", { kind: "blocked" }),
  decision: {
    kind: "block",
    blockers: [{ rule: "severity", severity: "HIGH", ids: ["CVE-1"] }],
    comparison: {
      running: NONE,
      candidate: { ...NONE, HIGH: 1, LOW: 1 },
      fixed: [],
      new: ["CVE-1", "CVE-2"],
      both: [],
    },
    expiredApprovals: [],
  },
  blocking: [finding("CVE-1")],
};

test("a blocked container shows what blocks it, with packages and versions, and the way past it", () => {
  const lines = runReportLines(report([BLOCKED]), OPTIONS);
  assert.deepEqual(lines.slice(1, -2), [
    "chat       BLOCKED  aaaaaaaaaaaa → bbbbbbbbbbbb  1 HIGH; 0 fixed, 2 new",
    "",
    "chat: BLOCKED, what ran before goes on running",
    "  FINDING  SEVERITY  PACKAGE  INSTALLED  FIXED IN  TITLE",
    "  CVE-1    HIGH      libssl3  3.0.9      3.0.11    buffer \\x1b[2J overread",
    "  running: no findings, candidate: 1 HIGH, 1 LOW, 0 fixed, 2 new",
    "  to let it pass: pratique queue approve chat --reason TEXT",
  ]);
});

test("very many blocking findings are cut, and --verbose shows them all", () => {
  const blocking = Array.from({ length: 40 }, (_, at) => finding(`CVE-${at}`));
  const cut = runReportLines(report([{ ...BLOCKED, blocking }]), OPTIONS);
  assert.ok(cut.includes("  … and 10 more: pratique scan chat"));
  const all = runReportLines(report([{ ...BLOCKED, blocking }]), { ...OPTIONS, verbose: true });
  assert.equal(all.filter((line) => line.startsWith("  CVE-")).length, 40);
  assert.ok(all.includes("  pull 1.2 s"), "and how long the phases took");
});

test("a block without findings names the rule", () => {
  const blockers = [{ rule: "denied-image", severity: null, ids: [] }] as const;
  const decision = { kind: "block", blockers, comparison: null, expiredApprovals: [] } as const;
  const lines = runReportLines(report([{ ...BLOCKED, decision, blocking: [] }]), OPTIONS);
  assert.ok(lines.includes("  BLOCKED: the image is on the list of images that carry malware"));
});

test("a long reason is broken where the terminal ends", () => {
  const why = `GET http://wiki/: 200, ${"the body does not contain what it must ".repeat(5)}`;
  const failed = container("wiki", { kind: "failed", phase: "verify", why });
  const lines = runReportLines(report([failed]), { ...OPTIONS, width: 80 });
  const block = lines.slice(4, -2);
  assert.ok(
    block.length > 1 && block.every((line) => line.startsWith("  ") && line.length <= 80),
    block.join("\n"),
  );
});

test("a digest in a reason is cut", () => {
  const why = `pinned to sha256:${"c".repeat(64)}`;
  const lines = runReportLines(report([container("feeds", { kind: "skipped", why })]), OPTIONS);
  assert.match(lines.join("\n"), / pinned to sha256:cccccccccccc…$/m);
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
