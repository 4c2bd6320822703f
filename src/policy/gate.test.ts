import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Finding, ScanFailure, ScanFailureReason, Severity } from "../ports.ts";
import type { Digest } from "../values/digest.ts";
import type { ScannedFindings } from "./compare-findings.ts";
import type { AppliedApproval, Decision } from "./decision.ts";
import { decide, type GateFacts, type GatePolicy, type Treatment } from "./gate.ts";

const DIGEST: Digest = `sha256:${"1".repeat(64)}`;
const OTHER_DIGEST: Digest = `sha256:${"2".repeat(64)}`;
const NOW = Date.UTC(2026, 0, 14, 4, 30);
const HOUR_MS = 3_600_000;

const STRICT: GatePolicy = {
  mode: "strict",
  critical: "block",
  high: "block",
  medium: "warn",
  low: "log",
  unknown: "log",
  unfixed: "same",
  unscannable: "hold",
};
const NO_NEW_RISK: GatePolicy = { ...STRICT, mode: "no-new-risk" };

function finding(id: string, severity: Severity, fixedVersion: string | null = "2"): Finding {
  return {
    id,
    severity,
    package: "openssl",
    installedVersion: "1",
    fixedVersion,
    status: "",
    title: "",
    url: null,
  };
}

function scanned(...findings: Finding[]): ScannedFindings {
  return { kind: "scanned", findings };
}

function unknown(reason: ScanFailureReason): ScanFailure {
  return { kind: "unknown", reason, why: `because of ${reason}` };
}

function facts(changes: Partial<GateFacts>): GateFacts {
  return {
    candidate: scanned(),
    running: null,
    digest: DIGEST,
    approvals: [],
    firstSeenMs: NOW - 100 * HOUR_MS,
    cooldownMs: 0,
    deniedImage: false,
    ...changes,
  };
}

function approval(changes: Partial<AppliedApproval>): AppliedApproval {
  return { digest: null, ids: [], reason: "not reachable", expiresAtMs: null, ...changes };
}

/** What a decision says, in one line, for tables. */
function short(decision: Decision): string {
  switch (decision.kind) {
    case "pass":
      return "pass";
    case "warn":
      return `warn ${decision.named.join(" ")}`;
    case "hold":
      return `hold ${decision.reason}`;
    case "block":
      return `block ${decision.blockers
        .map(({ rule, severity, ids }) => [rule, severity, ...ids].filter(Boolean).join(" "))
        .join(", ")}`;
  }
}

const [critical, high, medium, low, unrated] = [
  finding("CVE-C", "CRITICAL"),
  finding("CVE-H", "HIGH"),
  finding("CVE-M", "MEDIUM"),
  finding("CVE-L", "LOW"),
  finding("CVE-U", "UNKNOWN"),
];
const unfixedHigh = finding("CVE-H", "HIGH", null);
const unfixedMedium = finding("CVE-M", "MEDIUM", null);

type Row = [title: string, Partial<GateFacts>, GatePolicy, expected: string];

const TABLE: Row[] = [
  ["passes a candidate without findings", {}, STRICT, "pass"],
  ["blocks a CRITICAL", { candidate: scanned(critical) }, STRICT, "block severity CRITICAL CVE-C"],
  ["blocks a HIGH", { candidate: scanned(high) }, STRICT, "block severity HIGH CVE-H"],
  ["passes a MEDIUM and names it", { candidate: scanned(medium) }, STRICT, "warn CVE-M"],
  ["passes a LOW without a word", { candidate: scanned(low) }, STRICT, "pass"],
  ["passes a finding without severity", { candidate: scanned(unrated) }, STRICT, "pass"],
  [
    "names every rule that blocks, the most severe first",
    { candidate: scanned(high, medium, critical, finding("CVE-A", "HIGH")) },
    STRICT,
    "block severity CRITICAL CVE-C, severity HIGH CVE-A CVE-H",
  ],
  [
    "counts one vulnerability in two packages once",
    { candidate: scanned(high, { ...high, package: "libssl" }) },
    STRICT,
    "block severity HIGH CVE-H",
  ],
  [
    "treats severities as configured",
    { candidate: scanned(high, low) },
    { ...STRICT, high: "log", low: "block" },
    "block severity LOW CVE-L",
  ],
  [
    "blocks a HIGH without a fix unless told otherwise",
    { candidate: scanned(unfixedHigh) },
    STRICT,
    "block severity HIGH CVE-H",
  ],
  [
    "names a HIGH without a fix under unfixed: warn",
    { candidate: scanned(unfixedHigh) },
    { ...STRICT, unfixed: "warn" },
    "warn CVE-H",
  ],
  [
    "still blocks a HIGH that has a fix under unfixed: warn",
    { candidate: scanned(high) },
    { ...STRICT, unfixed: "warn" },
    "block severity HIGH CVE-H",
  ],
  [
    "blocks a vulnerability that is fixed in one package and unfixed in another",
    { candidate: scanned(unfixedHigh, { ...high, package: "libssl" }) },
    { ...STRICT, unfixed: "log" },
    "block severity HIGH CVE-H",
  ],
  [
    "is not made stricter by unfixed",
    { candidate: scanned({ ...low, fixedVersion: null }) },
    { ...STRICT, unfixed: "warn" },
    "pass",
  ],
  [
    "only logs a MEDIUM without a fix under unfixed: log",
    { candidate: scanned(unfixedMedium) },
    { ...STRICT, unfixed: "log" },
    "pass",
  ],
  [
    "blocks what the running image has too, in strict mode",
    { candidate: scanned(high), running: scanned(high) },
    STRICT,
    "block severity HIGH CVE-H",
  ],
  [
    "never blocks what the running image has too, in no-new-risk mode",
    { candidate: scanned(high), running: scanned(high) },
    NO_NEW_RISK,
    "warn CVE-H",
  ],
  [
    "blocks one HIGH swapped for another although the number is the same",
    { candidate: scanned(finding("CVE-2", "HIGH")), running: scanned(high) },
    NO_NEW_RISK,
    "block new-risk HIGH CVE-2",
  ],
  [
    "names only the new ones as blockers",
    { candidate: scanned(high, critical), running: scanned(high) },
    NO_NEW_RISK,
    "block new-risk CRITICAL CVE-C",
  ],
  [
    "lets a new MEDIUM pass in no-new-risk mode",
    { candidate: scanned(medium), running: scanned() },
    NO_NEW_RISK,
    "warn CVE-M",
  ],
  [
    "is strict where no image runs",
    { candidate: scanned(high) },
    NO_NEW_RISK,
    "block severity HIGH CVE-H",
  ],
  [
    "is strict where the running image cannot be scanned",
    { candidate: scanned(high), running: unknown("failed") },
    NO_NEW_RISK,
    "block severity HIGH CVE-H",
  ],
  ["holds when the scan failed (I7)", { candidate: unknown("failed") }, STRICT, "hold scan"],
  ["holds when the scan timed out (I7)", { candidate: unknown("timeout") }, STRICT, "hold scan"],
  [
    "holds when the scanner is away (I7)",
    { candidate: unknown("scanner-unreachable") },
    STRICT,
    "hold scan",
  ],
  [
    "holds when another image was scanned (I1)",
    { candidate: unknown("wrong-image") },
    STRICT,
    "hold scan",
  ],
  [
    "holds when the database is too old (I7)",
    { candidate: unknown("database-stale") },
    STRICT,
    "hold database",
  ],
  [
    "holds when nothing was analysed (I7)",
    { candidate: unknown("nothing-analysed") },
    STRICT,
    "hold nothing-analysed",
  ],
  [
    "passes what cannot be scanned under unscannable: allow",
    { candidate: unknown("nothing-analysed") },
    { ...STRICT, unscannable: "allow" },
    "pass",
  ],
  [
    "holds for a stale database under unscannable: allow too",
    { candidate: unknown("database-stale") },
    { ...STRICT, unscannable: "allow" },
    "hold database",
  ],
  ...(
    ["scanner-unreachable", "scanner-missing", "scanner-token", "timeout", "failed"] as const
  ).map(
    (reason): Row => [
      `holds when the scan ended with ${reason} under unscannable: allow too (I7)`,
      { candidate: unknown(reason) },
      { ...STRICT, unscannable: "allow" },
      "hold scan",
    ],
  ),
  [
    "holds for a denied scanner under unscannable: allow too",
    { candidate: unknown("scanner-denied") },
    { ...STRICT, unscannable: "allow" },
    "hold scanner-denied",
  ],
  [
    "holds a digest first seen less than the cool-down ago",
    { firstSeenMs: NOW - 2 * HOUR_MS, cooldownMs: 3 * HOUR_MS },
    STRICT,
    "hold cooldown",
  ],
  [
    "passes a digest first seen exactly the cool-down ago",
    { firstSeenMs: NOW - 3 * HOUR_MS, cooldownMs: 3 * HOUR_MS },
    STRICT,
    "pass",
  ],
  [
    "says block rather than cool-down when both apply",
    { candidate: scanned(high), firstSeenMs: NOW, cooldownMs: HOUR_MS },
    STRICT,
    "block severity HIGH CVE-H",
  ],
  [
    "holds an image that cannot be scanned but may pass, while it is too young",
    { candidate: unknown("nothing-analysed"), firstSeenMs: NOW, cooldownMs: HOUR_MS },
    { ...STRICT, unscannable: "allow" },
    "hold cooldown",
  ],
  ["blocks an image on the deny list", { deniedImage: true }, STRICT, "block denied-image"],
  [
    "blocks an image on the deny list whatever is approved",
    { deniedImage: true, approvals: [approval({ digest: DIGEST })] },
    STRICT,
    "block denied-image",
  ],
  [
    "passes an approved digest whatever was found",
    { candidate: scanned(critical, high), approvals: [approval({ digest: DIGEST })] },
    STRICT,
    "pass",
  ],
  [
    "does not take the approval of another digest",
    { candidate: scanned(high), approvals: [approval({ digest: OTHER_DIGEST })] },
    STRICT,
    "block severity HIGH CVE-H",
  ],
  [
    "passes approved findings",
    { candidate: scanned(high, medium), approvals: [approval({ ids: ["CVE-H"] })] },
    STRICT,
    "warn CVE-M",
  ],
  [
    "blocks what is not among the approved findings",
    { candidate: scanned(high, critical), approvals: [approval({ ids: ["CVE-H"] })] },
    STRICT,
    "block severity CRITICAL CVE-C",
  ],
  [
    "adds up approvals",
    {
      candidate: scanned(high, critical),
      approvals: [approval({ ids: ["CVE-H"] }), approval({ ids: ["CVE-C"] })],
    },
    STRICT,
    "pass",
  ],
  [
    "takes an approval of ids in one digest for these ids only",
    {
      candidate: scanned(high, critical),
      approvals: [approval({ digest: DIGEST, ids: ["CVE-H"] })],
    },
    STRICT,
    "block severity CRITICAL CVE-C",
  ],
  [
    "does not take an expired approval",
    { candidate: scanned(high), approvals: [approval({ digest: DIGEST, expiresAtMs: NOW })] },
    STRICT,
    "block severity HIGH CVE-H",
  ],
  [
    "takes an approval until it expires",
    { candidate: scanned(high), approvals: [approval({ digest: DIGEST, expiresAtMs: NOW + 1 })] },
    STRICT,
    "pass",
  ],
  [
    "lets a person shorten the cool-down of a digest",
    { firstSeenMs: NOW, cooldownMs: HOUR_MS, approvals: [approval({ digest: DIGEST })] },
    STRICT,
    "pass",
  ],
  [
    "does not shorten the cool-down by approved findings",
    { firstSeenMs: NOW, cooldownMs: HOUR_MS, approvals: [approval({ ids: ["CVE-H"] })] },
    STRICT,
    "hold cooldown",
  ],
  [
    "lets a person pass an image in which nothing can be analysed",
    { candidate: unknown("nothing-analysed"), approvals: [approval({ digest: DIGEST })] },
    STRICT,
    "pass",
  ],
  [
    "does not replace a failed scan by an approval (I7)",
    { candidate: unknown("failed"), approvals: [approval({ digest: DIGEST })] },
    STRICT,
    "hold scan",
  ],
];

for (const [title, changes, policy, expected] of TABLE) {
  test(title, () => {
    assert.equal(short(decide(facts(changes), policy, NOW)), expected);
  });
}

test("a blocked decision states the comparison with the running image", () => {
  const running = scanned(...Array.from({ length: 14 }, (_, at) => finding(`CVE-${at}`, "HIGH")));
  const candidate = scanned(finding("CVE-0", "HIGH"), finding("CVE-1", "HIGH"));
  const decision = decide(facts({ candidate, running }), STRICT, NOW);
  assert.equal(decision.kind, "block");
  assert.ok("comparison" in decision && decision.comparison !== null);
  assert.equal(decision.comparison.running?.HIGH, 14);
  assert.equal(decision.comparison.candidate.HIGH, 2);
  assert.deepEqual(decision.comparison.new, []);
  assert.equal(decision.comparison.fixed.length, 12);
});

test("says which findings are only logged: not those that another package makes worse", () => {
  const decision = decide(
    facts({
      candidate: scanned(
        finding("CVE-1", "LOW"),
        finding("CVE-2", "LOW"),
        finding("CVE-2", "MEDIUM"),
      ),
      running: scanned(finding("CVE-3", "UNKNOWN")),
    }),
    STRICT,
    NOW,
  );
  assert.ok(decision.kind === "warn");
  assert.deepEqual(decision.comparison.logged, ["CVE-1", "CVE-3"]);
});

test("a hold says why in the scanner's own words", () => {
  const decision = decide(facts({ candidate: unknown("timeout") }), STRICT, NOW);
  assert.deepEqual(decision, { kind: "hold", reason: "scan", why: "because of timeout" });
});

test("names the findings that the policy only logs, on either side", () => {
  const candidate = scanned(low, medium, { ...unfixedMedium, id: "CVE-N" });
  const running = scanned(finding("CVE-R", "LOW"), finding("CVE-M", "LOW"));
  const policy = { ...STRICT, unfixed: "log" } as const;
  const decision = decide(facts({ candidate, running }), policy, NOW);
  assert.ok(decision.kind === "warn");
  // CVE-M is named in one of its packages, so it is not among the quiet ones.
  assert.deepEqual(decision.comparison.logged, ["CVE-L", "CVE-N", "CVE-R"]);
  const loud = decide(facts({ candidate: scanned(medium) }), STRICT, NOW);
  assert.ok(loud.kind === "warn" && !("logged" in loud.comparison));
});

test("without a cool-down a first sight in the future (a clock set back) holds nothing", () => {
  assert.equal(short(decide(facts({ firstSeenMs: NOW + HOUR_MS }), STRICT, NOW)), "pass");
  const cooling = facts({ firstSeenMs: NOW + HOUR_MS, cooldownMs: 1 });
  const decision = decide(cooling, STRICT, NOW);
  assert.match(decision.kind === "hold" ? decision.why : "", /^first seen 0 ms ago/);
});

test("an approval that was not needed is not named", () => {
  const approvals = [approval({ digest: DIGEST })];
  const decision = decide(facts({ candidate: scanned(low), approvals }), STRICT, NOW);
  assert.deepEqual(decision.kind === "pass" && decision.approvals, []);
});

test("names the approval that replaced the scan of an image that has nothing to analyse", () => {
  const approvals = [approval({ digest: DIGEST }), approval({ ids: ["CVE-1"] })];
  const unscanned = facts({ candidate: unknown("nothing-analysed"), approvals });
  const decision = decide(unscanned, STRICT, NOW);
  assert.deepEqual(decision.kind === "pass" && decision.approvals, [approvals[0]]);
  const allowed = decide(unscanned, { ...STRICT, unscannable: "allow" }, NOW);
  assert.deepEqual(allowed.kind === "pass" && allowed.approvals, []);
});

test("names the approvals that let something pass, and only those", () => {
  const used = approval({ ids: ["CVE-H"] });
  const approvals = [used, approval({ ids: ["CVE-X"] }), approval({ digest: OTHER_DIGEST })];
  const decision = decide(facts({ candidate: scanned(high), approvals }), STRICT, NOW);
  assert.deepEqual(decision.kind === "pass" && decision.approvals, [used]);
});

test("names the expired approvals that would have let it pass", () => {
  const expired = approval({ ids: ["CVE-H"], expiresAtMs: NOW - 1 });
  const approvals = [expired, approval({ ids: ["CVE-X"], expiresAtMs: NOW - 1 })];
  const candidate = scanned(high, critical);
  const decision = decide(facts({ candidate, approvals }), STRICT, NOW);
  assert.deepEqual(decision.kind === "block" && decision.expiredApprovals, [expired]);
});

// ---------------------------------------------------------------- properties

const severities = fc.constantFrom<Severity>("CRITICAL", "HIGH", "MEDIUM", "LOW", "UNKNOWN");
const treatments = fc.constantFrom<Treatment>("block", "warn", "log");
const ids = fc.constantFrom("CVE-1", "CVE-2", "CVE-3", "CVE-4", "CVE-5", "CVE-6");
const findings = fc.array(
  fc
    .record({ id: ids, severity: severities, isFixed: fc.boolean() })
    .map(({ id, severity, isFixed }) => finding(id, severity, isFixed ? "2" : null)),
  { maxLength: 8 },
);
const reasons = fc.constantFrom<ScanFailureReason>(
  "scanner-unreachable",
  "scanner-denied",
  "scanner-missing",
  "scanner-token",
  "database-stale",
  "database-age-unknown",
  "nothing-analysed",
  "wrong-image",
  "report-unreadable",
  "timeout",
  "failed",
);
const scans = fc.oneof(
  { weight: 4, arbitrary: findings.map((list) => scanned(...list)) },
  { weight: 1, arbitrary: reasons.map(unknown) },
);
const approvals = fc.array(
  fc.record({
    digest: fc.constantFrom(null, DIGEST, OTHER_DIGEST),
    ids: fc.uniqueArray(ids, { maxLength: 3 }),
    reason: fc.constant("reviewed"),
    expiresAtMs: fc.constantFrom(null, NOW - 1, NOW, NOW + 1),
  }),
  { maxLength: 3 },
);
const anyFacts: fc.Arbitrary<GateFacts> = fc.record({
  candidate: scans,
  running: fc.oneof(fc.constant(null), scans),
  digest: fc.constant(DIGEST),
  approvals,
  firstSeenMs: fc.integer({ min: NOW - 10, max: NOW + 10 }),
  cooldownMs: fc.constantFrom(0, 5),
  deniedImage: fc.boolean(),
});
const anyPolicy: fc.Arbitrary<GatePolicy> = fc.record({
  mode: fc.constantFrom("strict", "no-new-risk"),
  critical: treatments,
  high: treatments,
  medium: treatments,
  low: treatments,
  unknown: treatments,
  unfixed: fc.constantFrom("same", "warn", "log"),
  unscannable: fc.constantFrom("hold", "allow"),
});

function isPassing({ kind }: Decision): boolean {
  return kind === "pass" || kind === "warn";
}

function holds(check: (facts: GateFacts, policy: GatePolicy) => void): void {
  fc.assert(fc.property(anyFacts, anyPolicy, check), { numRuns: 3000 });
}

test("decides about everything, and every refusal has a reason", () => {
  holds((given, policy) => {
    const decision = decide(given, policy, NOW);
    if (decision.kind === "block") assert.ok(decision.blockers.length > 0);
    if (decision.kind === "hold") assert.notEqual(decision.why, "");
    if (decision.kind === "warn") assert.ok(decision.named.length > 0);
  });
});

test("decides the same in whatever order the scanner lists its findings", () => {
  holds((given, policy) => {
    const { candidate } = given;
    if (candidate.kind === "unknown") return;
    const turned = scanned(...[...candidate.findings].reverse());
    assert.deepEqual(
      decide({ ...given, candidate: turned }, policy, NOW),
      decide(given, policy, NOW),
    );
  });
});

test("never passes an unknown scan, save where a person allowed what has nothing to analyse (I7)", () => {
  holds((given, policy) => {
    if (given.candidate.kind !== "unknown") return;
    const isAllowed = policy.unscannable === "allow" || given.approvals.length > 0;
    const mayPass = given.candidate.reason === "nothing-analysed" && isAllowed;
    assert.ok(mayPass || !isPassing(decide(given, policy, NOW)));
  });
});

test("never turns a refusal into a pass when a finding is added", () => {
  fc.assert(
    fc.property(anyFacts, anyPolicy, findings, (given, policy, more) => {
      const { candidate } = given;
      if (candidate.kind === "unknown" || isPassing(decide(given, policy, NOW))) return;
      const worse = scanned(...candidate.findings, ...more);
      assert.ok(!isPassing(decide({ ...given, candidate: worse }, policy, NOW)));
    }),
    { numRuns: 3000 },
  );
});

test("never blocks a candidate that only removes findings, in no-new-risk mode", () => {
  fc.assert(
    fc.property(anyFacts, anyPolicy, fc.infiniteStream(fc.boolean()), (given, policy, keeps) => {
      const { running } = given;
      if (running?.kind !== "scanned" || given.deniedImage) return;
      const candidate = scanned(...running.findings.filter(() => keeps.next().value));
      const decision = decide({ ...given, candidate }, { ...policy, mode: "no-new-risk" }, NOW);
      assert.notEqual(decision.kind, "block");
    }),
    { numRuns: 3000 },
  );
});

test("approvals only loosen", () => {
  holds((given, policy) => {
    const without = decide({ ...given, approvals: [] }, policy, NOW);
    if (isPassing(without)) assert.ok(isPassing(decide(given, policy, NOW)));
  });
});

test("expired approvals and those of other digests change nothing but what is told", () => {
  holds((given, policy) => {
    const dead = given.approvals.map((each) => ({ ...each, expiresAtMs: NOW - 1 }));
    const foreign = given.approvals.map((each) => ({ ...each, digest: OTHER_DIGEST }));
    const without = short(decide({ ...given, approvals: [] }, policy, NOW));
    assert.equal(short(decide({ ...given, approvals: dead }, policy, NOW)), without);
    assert.equal(short(decide({ ...given, approvals: foreign }, policy, NOW)), without);
  });
});

test("always states the comparison when the candidate was scanned and not held", () => {
  holds((given, policy) => {
    const decision = decide(given, policy, NOW);
    if (decision.kind === "hold") return;
    assert.equal(decision.comparison !== null, given.candidate.kind === "scanned");
  });
});
