import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Digest } from "../../values/digest.ts";
import { readReport } from "./report.ts";

const DIGEST: Digest = `sha256:${"a".repeat(64)}`;
const ASKED = {
  digest: DIGEST,
  platform: { os: "linux", architecture: "amd64", variant: null },
};

function vulnerability(change: object = {}): Record<string, unknown> {
  return {
    VulnerabilityID: "CVE-2024-1",
    PkgName: "openssl",
    InstalledVersion: "3.0.7-1",
    Severity: "HIGH",
    ...change,
  };
}

function report(change: object = {}, result: object = {}): object {
  return {
    SchemaVersion: 2,
    Metadata: {
      OS: { Family: "debian", Name: "12" },
      RepoDigests: [`web@${DIGEST}`],
      ImageConfig: { os: "linux", architecture: "amd64" },
    },
    Results: [{ Type: "debian", Packages: [{ Name: "openssl" }], ...result }],
    ...change,
  };
}

const read = (value: unknown) => readReport(Buffer.from(JSON.stringify(value)), ASKED);
function findingsOf(value: unknown) {
  const evidence = read(value);
  assert.ok(evidence.kind === "evidence", JSON.stringify(evidence));
  return evidence.findings;
}
function reasonOf(value: unknown): string {
  const evidence = read(value);
  return evidence.kind === "refused" ? evidence.reason : evidence.kind;
}

test("reads what a complete report proves", () => {
  const evidence = read(report({}, { Vulnerabilities: [vulnerability()] }));
  assert.deepEqual(evidence, {
    kind: "evidence",
    findings: [
      {
        id: "CVE-2024-1",
        severity: "HIGH",
        package: "openssl",
        installedVersion: "3.0.7-1",
        fixedVersion: null,
        status: "affected",
        title: "",
        url: null,
      },
    ],
    packageCount: 1,
    os: "debian 12",
    endOfLife: false,
    clientVersion: null,
  });
});

test("counts one id, package and version once, with its highest severity", () => {
  const findings = findingsOf(
    report(
      {},
      {
        Vulnerabilities: [
          vulnerability({ Severity: "LOW", PkgPath: "a" }),
          vulnerability({ Severity: "CRITICAL", PkgPath: "b" }),
          vulnerability({ Severity: "MEDIUM", PkgPath: "c" }),
          vulnerability({ PkgName: "libssl3" }),
          vulnerability({ InstalledVersion: "3.0.8-1" }),
        ],
      },
    ),
  );
  assert.deepEqual(
    findings.map((finding) => [finding.package, finding.installedVersion, finding.severity]),
    [
      ["openssl", "3.0.7-1", "CRITICAL"],
      ["libssl3", "3.0.7-1", "HIGH"],
      ["openssl", "3.0.8-1", "HIGH"],
    ],
  );
});

test("counts what the scanner's own configuration hid", () => {
  const hidden = (Finding: unknown) => ({
    ExperimentalModifiedFindings: [{ Type: "vulnerability", Status: "ignored", Finding }],
  });
  assert.equal(findingsOf(report({}, hidden(vulnerability()))).length, 1);
  assert.equal(
    reasonOf(report({}, hidden({ VulnerabilityID: "CVE-2024-1" }))),
    "report-unreadable",
  );
});

test("makes texts of one printable line and keeps only web addresses", () => {
  const Title = "\u001b[31mred\u001b[0m\n\u202egnp.exe".padEnd(5000, "x");
  const change = { Title, PrimaryURL: "javascript:alert(1)", FixedVersion: " 1.2, 1.3 " };
  const [finding] = findingsOf(report({}, { Vulnerabilities: [vulnerability(change)] }));
  assert.ok(finding);
  assert.doesNotMatch(finding.title, /[\p{Cc}\p{Cf}]/u);
  assert.ok(finding.title.length <= 300);
  assert.equal(finding.url, null);
  assert.deepEqual([finding.fixedVersion, finding.status], ["1.2, 1.3", "fixed"]);
});

test("takes no report of another form, schema or severity", () => {
  for (const value of [
    null,
    [],
    "report",
    {},
    report({ SchemaVersion: 1 }),
    report({ SchemaVersion: "2" }),
    report({ Metadata: null }),
    report({ Results: {} }),
    report({}, { Packages: "openssl" }),
    report({}, { Vulnerabilities: [vulnerability({ Severity: "SEVERE" })] }),
    report({}, { Vulnerabilities: [vulnerability({ Severity: undefined })] }),
    report({}, { Vulnerabilities: [vulnerability({ VulnerabilityID: "" })] }),
  ]) {
    assert.equal(reasonOf(value), "report-unreadable", JSON.stringify(value));
  }
});

test("takes no report about another digest, system or processor", () => {
  const metadata = (report() as { Metadata: object }).Metadata;
  for (const change of [
    { RepoDigests: [] },
    { RepoDigests: undefined },
    { RepoDigests: [`web@sha256:${"b".repeat(64)}`] },
    { RepoDigests: [`${DIGEST}@web`, DIGEST] },
    { ImageConfig: { os: "linux", architecture: "arm64" } },
    { ImageConfig: { os: "windows", architecture: "amd64" } },
    { ImageConfig: { os: "linux" } },
    { ImageConfig: undefined },
  ]) {
    const value = report({ Metadata: { ...metadata, ...change } });
    assert.equal(reasonOf(value), "wrong-image", JSON.stringify(change));
  }
});

test("takes no report in which no package was looked up", () => {
  for (const value of [
    report({ Results: undefined }),
    report({ Results: [] }),
    report({}, { Packages: [] }),
    report({}, { Packages: undefined, Vulnerabilities: [vulnerability()] }),
    report({}, { Packages: [{ Name: "" }] }),
    report({}, { Type: "none" }),
    report({}, { Type: "" }),
    report({}, { Type: undefined }),
  ]) {
    assert.equal(reasonOf(value), "nothing-analysed", JSON.stringify(value));
  }
});

test("takes nothing from a hijacked release", () => {
  assert.equal(reasonOf(report({ Trivy: { Version: "0.69.5" } })), "scanner-denied");
  assert.equal(reasonOf(report({ Trivy: { Version: "0.74.0" } })), "evidence");
});

// ---------------------------------------------------------------- hostile input

/** What evidence means, said in another way than the code says it. */
function holdsEvidence(value: unknown): boolean {
  const { SchemaVersion, Metadata, Results } = value as {
    SchemaVersion: number;
    Metadata: { RepoDigests: string[]; ImageConfig: { architecture: string } };
    Results: { Type?: string; Packages?: { Name: string }[] }[];
  };
  const lookedUp = Results.filter(({ Type }) => Boolean(Type) && Type !== "none");
  return (
    SchemaVersion === 2 &&
    Metadata.RepoDigests.some((digest) => digest.split("@")[1] === DIGEST) &&
    Metadata.ImageConfig.architecture === "amd64" &&
    lookedUp.some(({ Packages }) => (Packages ?? []).some(({ Name }) => Name !== ""))
  );
}

/** Where a good report is spoilt. */
const PLACES = [
  "SchemaVersion",
  "Trivy",
  "Metadata",
  "Metadata.RepoDigests",
  "Metadata.RepoDigests.0",
  "Metadata.ImageConfig",
  "Metadata.ImageConfig.os",
  "Metadata.ImageConfig.architecture",
  "Results",
  "Results.0",
  "Results.0.Type",
  "Results.0.Packages",
  "Results.0.Packages.0",
  "Results.0.Packages.0.Name",
  "Results.0.Vulnerabilities",
  "Results.0.Vulnerabilities.0",
  "Results.0.Vulnerabilities.0.Severity",
  "Results.1",
];

const hostileValue = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom<unknown>(
    ...[undefined, null, [], {}, "", "none", "amd64", "386", 2, 3, [{}], [{ Name: "" }]],
    ...[[`web@${DIGEST}`], DIGEST, { Version: "v0.69.4" }, { architecture: "amd64" }],
    { Type: "npm", Packages: [{ Name: "left-pad" }] },
    { Type: "none", Packages: [{ Name: "left-pad" }] },
  ),
);

const edits = fc.array(fc.tuple(fc.constantFrom(...PLACES), hostileValue), { maxLength: 4 });

function spoil(value: unknown, place: string, hostile: unknown): void {
  const steps = place.split(".");
  const last = steps.pop() ?? "";
  let target = value;
  for (const step of steps) {
    if (typeof target !== "object" || target === null) return;
    target = (target as Record<string, unknown>)[step];
  }
  if (typeof target === "object" && target !== null) {
    (target as Record<string, unknown>)[last] = hostile;
  }
}

test("never passes a report without evidence, and never throws", () => {
  let passed = 0;
  fc.assert(
    fc.property(edits, (hostile) => {
      const value = report({}, { Vulnerabilities: [vulnerability()] });
      for (const [place, change] of hostile) spoil(value, place, structuredClone(change));
      const evidence = read(value);
      if (evidence.kind === "refused") return;
      passed += 1;
      assert.ok(holdsEvidence(JSON.parse(JSON.stringify(value))));
      assert.ok(evidence.packageCount > 0);
    }),
    { numRuns: 2000 },
  );
  assert.ok(passed > 100, `only ${passed} reports passed: the property proves little`);
});

test("takes no other JSON for a report", () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => assert.equal(read(value).kind, "refused")));
});

test("never passes a report that was cut anywhere", () => {
  const whole = Buffer.from(JSON.stringify(report({}, { Vulnerabilities: [vulnerability()] })));
  for (let length = 0; length < whole.length; length += 1) {
    const evidence = readReport(whole.subarray(0, length), ASKED);
    assert.ok(evidence.kind === "refused" && evidence.reason === "report-unreadable");
  }
  assert.equal(readReport(Buffer.concat([whole, whole]), ASKED).kind, "refused");
});

test("survives bytes that are no text and nesting without end", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => {
      assert.equal(readReport(Buffer.from(bytes), ASKED).kind, "refused");
    }),
  );
  assert.equal(readReport(Buffer.from("[".repeat(2_000_000)), ASKED).kind, "refused");
  const deep = `{"Results":${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
  assert.equal(readReport(Buffer.from(deep), ASKED).kind, "refused");
});
