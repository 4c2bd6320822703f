import * as v from "valibot";
import { deniedScannerVersion } from "../../policy/scanner-deny-list.ts";
import type { Finding, Platform, ScanFailureReason, Severity } from "../../ports.ts";
import type { Digest } from "../../values/digest.ts";

/** What a report proves, once every rule of evidence holds. */
export interface ReportEvidence {
  kind: "evidence";
  findings: readonly Finding[];
  packageCount: number;
  os: string | null;
  endOfLife: boolean;
  /** Of the program that wrote the report; Trivy says it since 0.69. */
  clientVersion: string | null;
}

export interface ReportRefusal {
  kind: "refused";
  reason: ScanFailureReason;
  why: string;
}

/** Names of the levels with their rank: the higher one of two findings counts. */
const RANKS = { UNKNOWN: 0, LOW: 1, MEDIUM: 2, HIGH: 3, CRITICAL: 4 } as const;

const MAX_TEXT = 300;

const optionalText = v.nullish(v.string());

const VulnerabilitySchema = v.object({
  VulnerabilityID: v.pipe(v.string(), v.minLength(1)),
  PkgName: v.pipe(v.string(), v.minLength(1)),
  InstalledVersion: optionalText,
  FixedVersion: optionalText,
  // A level that is not known must not pass as harmless: it makes the report unreadable.
  Severity: v.picklist(["UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL"]),
  Status: optionalText,
  Title: optionalText,
  PrimaryURL: optionalText,
});

const ResultSchema = v.object({
  Type: optionalText,
  Packages: v.nullish(v.array(v.object({ Name: v.string() }))),
  Vulnerabilities: v.nullish(v.array(VulnerabilitySchema)),
  ExperimentalModifiedFindings: v.nullish(
    v.array(v.object({ Type: v.string(), Finding: v.unknown() })),
  ),
});

const ReportSchema = v.object({
  SchemaVersion: v.number(),
  Trivy: v.nullish(v.object({ Version: optionalText })),
  Metadata: v.object({
    OS: v.nullish(
      v.object({ Family: optionalText, Name: optionalText, EOSL: v.nullish(v.boolean()) }),
    ),
    RepoDigests: v.nullish(v.array(v.string())),
    ImageConfig: v.nullish(v.object({ os: optionalText, architecture: optionalText })),
  }),
  Results: v.nullish(v.array(ResultSchema)),
});

type Report = v.InferOutput<typeof ReportSchema>;
type Vulnerability = v.InferOutput<typeof VulnerabilitySchema>;

/**
 * Reads a report of `trivy image --format json` as untrusted text. It is evidence only when it
 * has schema 2, is about this digest and architecture, analysed at least one package, and was not
 * written by a denied scanner. Findings that the scanner's own configuration hid count too.
 * Never throws.
 */
export function readReport(
  report: Buffer,
  asked: { digest: Digest; platform: Platform },
): ReportEvidence | ReportRefusal {
  const parsed = parse(report);
  if (typeof parsed === "string") return refuse("report-unreadable", parsed);
  const clientVersion = clean(parsed.Trivy?.Version);
  if (clientVersion !== null && deniedScannerVersion(clientVersion)) {
    return refuse("scanner-denied", `Trivy ${clientVersion} is a hijacked release`);
  }
  const mismatch = findMismatch(parsed, asked);
  if (mismatch !== null) return refuse("wrong-image", mismatch);
  const packageCount = countPackages(parsed);
  if (packageCount === 0) return refuse("nothing-analysed", whyNothing(parsed));
  const vulnerabilities = collectVulnerabilities(parsed);
  if (vulnerabilities === null) {
    return refuse("report-unreadable", "a suppressed finding in it has another form");
  }
  return {
    kind: "evidence",
    findings: distinct(vulnerabilities),
    packageCount,
    os: osName(parsed),
    endOfLife: parsed.Metadata.OS?.EOSL === true,
    clientVersion,
  };
}

function parse(report: Buffer): Report | string {
  if (report.length === 0) return "the scanner wrote no report";
  let json: unknown;
  try {
    json = JSON.parse(report.toString("utf8"));
  } catch {
    return `the report of ${report.length} bytes is not complete JSON`;
  }
  const result = v.safeParse(ReportSchema, json, { abortEarly: true });
  if (!result.success) {
    const path = v.getDotPath(result.issues[0]) ?? "the top";
    return `the report has another form than Trivy's at ${clean(path)}`;
  }
  const schema = result.output.SchemaVersion;
  return schema === 2 ? result.output : `the report has schema ${schema}, not 2`;
}

function findMismatch(
  report: Report,
  asked: { digest: Digest; platform: Platform },
): string | null {
  const digests = report.Metadata.RepoDigests ?? [];
  if (!digests.some((repoDigest) => repoDigest.endsWith(`@${asked.digest}`))) {
    const found = clean(digests[0]) ?? "no digest at all";
    return `the report is about ${found}, not about ${asked.digest}`;
  }
  const { architecture, os } = report.Metadata.ImageConfig ?? {};
  const { platform } = asked;
  if (architecture !== platform.architecture || (os && os !== platform.os)) {
    const found = `${clean(os) ?? platform.os}/${clean(architecture) ?? "unknown"}`;
    return `the report is about ${found}, not about ${platform.os}/${platform.architecture}`;
  }
  return null;
}

/** A Result of type `none` lists packages that nothing was looked up for. */
function countPackages(report: Report): number {
  return (report.Results ?? [])
    .filter(({ Type }) => Type !== undefined && Type !== null && Type !== "" && Type !== "none")
    .flatMap(({ Packages }) => Packages ?? [])
    .filter(({ Name }) => Name !== "").length;
}

function whyNothing(report: Report): string {
  const os = osName(report);
  return os === null
    ? "the scanner found no operating system and no packages in the image"
    : `the scanner found ${os}, but no packages that it has advisories for`;
}

function osName(report: Report): string | null {
  const { Family, Name } = report.Metadata.OS ?? {};
  const family = clean(Family);
  if (family === null || family === "none") return null;
  return [family, clean(Name)].filter((part) => part !== null).join(" ");
}

/** Null when a suppressed finding cannot be read. */
function collectVulnerabilities(report: Report): Vulnerability[] | null {
  const all: Vulnerability[] = [];
  for (const result of report.Results ?? []) {
    for (const vulnerability of result.Vulnerabilities ?? []) all.push(vulnerability);
    for (const { Type, Finding } of result.ExperimentalModifiedFindings ?? []) {
      if (Type !== "vulnerability") continue;
      const hidden = v.safeParse(VulnerabilitySchema, Finding);
      if (!hidden.success) return null;
      all.push(hidden.output);
    }
  }
  return all;
}

/** One finding for an id, package and version; Trivy repeats it for each path and binary. */
function distinct(vulnerabilities: readonly Vulnerability[]): Finding[] {
  const findings = new Map<string, Finding>();
  for (const vulnerability of vulnerabilities) {
    const { VulnerabilityID, PkgName, InstalledVersion } = vulnerability;
    const key = JSON.stringify([VulnerabilityID, PkgName, InstalledVersion ?? ""]);
    const finding = toFinding(vulnerability);
    const known = findings.get(key);
    if (known === undefined || rank(finding.severity) > rank(known.severity)) {
      findings.set(key, finding);
    }
  }
  return [...findings.values()].sort(
    (a, b) =>
      rank(b.severity) - rank(a.severity) || compare(a.id, b.id) || compare(a.package, b.package),
  );
}

function toFinding(vulnerability: Vulnerability): Finding {
  const fixedVersion = clean(vulnerability.FixedVersion);
  const url = clean(vulnerability.PrimaryURL);
  return {
    id: clean(vulnerability.VulnerabilityID) ?? "unnamed",
    severity: vulnerability.Severity,
    package: clean(vulnerability.PkgName) ?? "unnamed",
    installedVersion: clean(vulnerability.InstalledVersion) ?? "",
    fixedVersion,
    status: clean(vulnerability.Status) ?? (fixedVersion === null ? "affected" : "fixed"),
    title: clean(vulnerability.Title) ?? "",
    url: url !== null && /^https?:\/\//.test(url) ? url : null,
  };
}

function rank(severity: Severity): number {
  return RANKS[severity];
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/** One line without control or direction characters, of bounded length; null when empty. */
function clean(text: string | null | undefined): string | null {
  const line = (text ?? "").replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ").trim();
  return line === "" ? null : line.slice(0, MAX_TEXT);
}

function refuse(reason: ScanFailureReason, why: string): ReportRefusal {
  return { kind: "refused", reason, why };
}
