import assert from "node:assert/strict";
import { test } from "node:test";
import type { Comparison, Decision } from "../policy/decision.ts";
import type { Digest } from "../values/digest.ts";
import { type MessageOptions, messageOf, type UpdateEvent } from "./messages.ts";

const FORMER: Digest = `sha256:${"1".repeat(64)}`;
const CANDIDATE: Digest = `sha256:${"2".repeat(64)}`;

function options(changes: Partial<MessageOptions["notify"]> = {}): MessageOptions {
  return { host: "amy", notify: { ntfy: {}, fallback: null, events: {}, ...changes } };
}

const web = { container: "web-1", service: "web", reference: "nginx:1" };
const trouble = {
  ...web,
  phase: "verify" as const,
  why: "GET / answered 500",
  evidence: ["log: cannot open /data", "log: exiting"],
};
const comparison: Comparison = {
  running: { CRITICAL: 0, HIGH: 14, MEDIUM: 0, LOW: 0, UNKNOWN: 0 },
  candidate: { CRITICAL: 0, HIGH: 3, MEDIUM: 1, LOW: 0, UNKNOWN: 0 },
  fixed: ["CVE-2025-1", "CVE-2025-2"],
  new: [],
  both: ["CVE-2025-3"],
};
const block: Extract<Decision, { kind: "block" }> = {
  kind: "block",
  blockers: [
    { rule: "severity", severity: "HIGH", ids: ["CVE-2025-3", "CVE-2025-4", "CVE-2025-5"] },
  ],
  comparison,
  expiredApprovals: [],
};
const success: Extract<UpdateEvent, { event: "update-success" }> = {
  ...web,
  event: "update-success",
  from: FORMER,
  to: CANDIDATE,
  comparison,
  named: ["CVE-2025-9"],
  approvals: [],
  downtimeMs: 4_200,
  isRollBack: false,
};

function send(event: UpdateEvent, given = options()) {
  const message = messageOf(event, given);
  assert.ok(message !== null);
  return message;
}

function body(event: UpdateEvent): string[] {
  return send(event).message.body.split("\n");
}

const EVENTS: [event: UpdateEvent, priority: number, tag: string, firstLine: string][] = [
  [
    { ...web, event: "update-available", candidate: CANDIDATE },
    3,
    "package",
    "available - nginx:1 has a new image 222222222222",
  ],
  [
    { ...web, event: "update-blocked", candidate: CANDIDATE, decision: block },
    4,
    "no_entry",
    "blocked - nginx:1: 3 HIGH: CVE-2025-3, CVE-2025-4, CVE-2025-5",
  ],
  [
    { ...web, event: "update-held", reason: "scan", why: "the server is away" },
    3,
    "hourglass",
    "held - nginx:1: the scan failed",
  ],
  [success, 3, "white_check_mark", "updated - nginx:1 111111111111 → 222222222222, healthy"],
  [
    { ...trouble, event: "update-failed", isRolledBack: true },
    5,
    "rotating_light",
    "failed - in verify; rolled back, the former image runs and is as healthy as before",
  ],
  [{ ...trouble, event: "rollback-triggered" }, 4, "rewind", "rolling back - verify failed"],
  [
    { ...trouble, event: "rollback-failed" },
    5,
    "sos",
    "roll-back failed - the service needs a person now",
  ],
  [
    {
      event: "run-summary",
      kind: "weekly",
      containers: [],
      durationMs: 61_000,
      interrupted: null,
      problems: [],
    },
    3,
    "clipboard",
    "done - 0 containers in 1 min 1 s",
  ],
];

for (const [event, priority, tag, firstLine] of EVENTS) {
  test(`${event.event} has its title, priority, tag and status`, () => {
    const { message, container } = send(event);
    const subject = event.event === "run-summary" ? "weekly" : "web";
    assert.equal(message.title, `[amy] container update: ${subject}`);
    assert.equal(message.priority, priority);
    assert.equal(message.click, null);
    const names = event.event === "run-summary" ? ["amy"] : ["amy", "web-1"];
    assert.deepEqual(message.tags, [tag, "pratique", ...names]);
    assert.equal(message.body.split("\n")[0], firstLine);
    assert.equal(container, event.event === "run-summary" ? null : "web-1");
  });
}

test("a blocked update names the ids, the comparison, the risk and the way past it", () => {
  const lines = body({ ...web, event: "update-blocked", candidate: CANDIDATE, decision: block });
  assert.deepEqual(lines.slice(1), [
    "running: 14 HIGH, candidate: 3 HIGH, 1 MEDIUM, 2 fixed, 0 new",
    "What runs now is worse than the candidate: not updating is the greater risk.",
    "To let it pass: pratique queue approve web-1 --reason TEXT",
  ]);
});

test("a blocked update says when an approval has expired", () => {
  const expired = { digest: null, ids: ["CVE-2025-3"], reason: "not loaded", expiresAtMs: 0 };
  const decision = { ...block, comparison: null, expiredApprovals: [expired] };
  const lines = body({ ...web, event: "update-blocked", candidate: CANDIDATE, decision });
  assert.equal(lines[1], "expired: approved: CVE-2025-3 (not loaded), until 1970-01-01");
});

test("nobody is told to approve an image that carries malware", () => {
  const decision: typeof block = {
    ...block,
    blockers: [{ rule: "denied-image", severity: null, ids: [] }],
    comparison: null,
  };
  const lines = body({ ...web, event: "update-blocked", candidate: CANDIDATE, decision });
  assert.deepEqual(lines, [
    "blocked - nginx:1: the image is on the list of images that carry malware",
  ]);
});

test("a success names what was fixed, what is new, what is still there and the downtime", () => {
  assert.deepEqual(body(success).slice(1), [
    "fixed: 2 (CVE-2025-1, CVE-2025-2); new: none",
    "still there: CVE-2025-9",
    "downtime: 4.2 s",
  ]);
});

test("a success counts findings that are only logged, and does not name them", () => {
  const changed = {
    ...comparison,
    fixed: ["CVE-2025-1", "CVE-2025-3"],
    new: ["CVE-2025-4"],
    logged: ["CVE-2025-3", "CVE-2025-4"],
  };
  assert.equal(
    body({ ...success, comparison: changed })[1],
    "fixed: 2 (CVE-2025-1, 1 only logged); new: 1 (only logged)",
  );
});

test("a success without comparison, names or downtime is one line", () => {
  const plain = { ...success, comparison: null, named: [], downtimeMs: null };
  assert.equal(body(plain).length, 1);
});

test("a success shows the approvals that let it pass", () => {
  const approval = { digest: CANDIDATE, ids: [], reason: "checked by hand", expiresAtMs: null };
  const lines = body({ ...success, approvals: [approval], comparison: null, named: [] });
  assert.equal(lines[1], "approved: 222222222222 (checked by hand)");
});

test("a roll back by hand is no update", () => {
  assert.match(body({ ...success, isRollBack: true })[0] ?? "", /^rolled back by hand - nginx:1/);
});

test("a failure carries its reason and evidence", () => {
  const lines = body({ ...trouble, event: "update-failed", isRolledBack: false });
  assert.deepEqual(lines, [
    "failed - in verify; nothing was changed",
    "GET / answered 500",
    "log: cannot open /data",
    "log: exiting",
  ]);
});

test("evidence that the reason quotes is not told twice", () => {
  const probe = 'GET http://wiki/: 200, the body does not contain "Welcome"';
  const lines = body({
    ...trouble,
    event: "rollback-triggered",
    why: `wiki did not become healthy within 8 s: ${probe}`,
    evidence: ["waited 8 s", probe, "log: no such table"],
  });
  assert.deepEqual(lines.slice(2), ["log: no such table"]);
});

test("a summary counts every outcome, the worst first, and names what matters", () => {
  const outcomes = [
    ["a", "up-to-date"],
    ["b", "updated"],
    ["c", "blocked"],
    ["d", "rollback-failed"],
    ["e", "skipped"],
    ["f", "updated"],
  ] as const;
  const lines = body({
    event: "run-summary",
    kind: "weekly",
    containers: outcomes.map(([container, kind]) => ({ container, outcome: { kind } })),
    durationMs: 1000,
    interrupted: "SIGTERM",
    problems: ["retry-queue.json could not be published"],
  });
  assert.deepEqual(lines, [
    "interrupted: SIGTERM - 6 containers in 1 s",
    "1 roll-back failed: d",
    "1 blocked: c",
    "2 updated: b, f",
    "1 up to date",
    "1 skipped",
    "retry-queue.json could not be published",
  ]);
});

test("an event that is switched off makes no message", () => {
  const off = options({ events: { "update-success": { send: false, priority: null } } });
  assert.equal(messageOf(success, off), null);
  assert.notEqual(messageOf({ ...trouble, event: "rollback-failed" }, off), null);
});

test("an event takes the configured priority", () => {
  const loud = options({ events: { "update-success": { send: true, priority: 4 } } });
  assert.equal(send(success, loud).message.priority, 4);
  const same = options({ events: { "update-success": { send: true, priority: null } } });
  assert.equal(send(success, same).message.priority, 3);
});

test("urgent events go to the fallback too, others do not", () => {
  const both = options({ fallback: {} });
  const failed: UpdateEvent = { ...trouble, event: "update-failed", isRolledBack: true };
  assert.deepEqual(send(failed, both).channels, ["main", "fallback"]);
  assert.deepEqual(send(success, both).channels, ["main"]);
  assert.deepEqual(send(failed).channels, ["main"]);
});

test("without anybody to tell there is no message", () => {
  assert.equal(messageOf(success, options({ ntfy: null })), null);
  const onlyFallback = options({ ntfy: null, fallback: {} });
  assert.equal(messageOf(success, onlyFallback), null);
  const failed = send({ ...trouble, event: "rollback-failed" }, onlyFallback);
  assert.deepEqual(failed.channels, ["fallback"]);
});

test("carries the key and the link it was given", () => {
  const message = messageOf(success, { ...options(), key: "op:web", click: "https://p/x" });
  assert.deepEqual([message?.key, message?.message.click], ["op:web", "https://p/x"]);
});

test("foreign text is one line, short, and without credentials (I12)", () => {
  const lines = body({
    ...trouble,
    event: "rollback-failed",
    why: `POSTGRES_PASSWORD=pa55word\n${"long ".repeat(1000)}`,
    evidence: ["connect postgres://app:pa55word@db/x failed", ...Array(50).fill("more")],
  });
  assert.doesNotMatch(lines.join("\n"), /pa55word/);
  assert.equal(lines.length, 6);
  assert.ok(lines.every((line) => line.length <= 400));
});

test("no message is longer than ntfy takes, in bytes", () => {
  const decision: typeof block = {
    ...block,
    comparison: null,
    blockers: Array.from({ length: 200 }, () => ({
      rule: "severity" as const,
      severity: "HIGH" as const,
      ids: ["CVE-2025-ü→→→→→→→→→→→→→"],
    })),
  };
  const { message } = send({ ...web, event: "update-blocked", candidate: CANDIDATE, decision });
  assert.ok(Buffer.byteLength(message.body) <= 3500);
  assert.ok(message.body.endsWith("…"));
  assert.doesNotMatch(message.body, /\uFFFD/);
});

test("many ids are counted, not listed", () => {
  const ids = Array.from({ length: 30 }, (_, at) => `CVE-2025-${at}`);
  const decision: typeof block = {
    ...block,
    comparison: null,
    blockers: [{ rule: "new-risk", severity: "CRITICAL", ids }],
  };
  const lines = body({ ...web, event: "update-blocked", candidate: CANDIDATE, decision });
  assert.match(lines[0] ?? "", /30 new CRITICAL: CVE-2025-0, .* and 22 more$/);
});
