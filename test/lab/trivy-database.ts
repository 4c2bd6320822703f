/** The vulnerability database of the lab, in the layout of trivy-db's schema 2. */
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Bucket, writeBoltFile } from "./bolt-file.ts";
import type { Advisory } from "./lab-types.ts";

const SEVERITY_NUMBERS = { LOW: 1, MEDIUM: 2, HIGH: 3, CRITICAL: 4 } as const;
const DEBIAN_RELEASE = "debian 12";
const DAY_MS = 24 * 60 * 60_000;

/** Writes `trivy.db` into the `db` folder of a Trivy cache. No server may have it open. */
export function writeDatabase(cacheFolder: string, advisories: readonly Advisory[]): void {
  const packages: Bucket = new Map();
  const details: Bucket = new Map();
  for (const advisory of advisories) {
    const bucket = packages.get(advisory.package) ?? new Map();
    if (!(bucket instanceof Map)) throw new Error("Not a bucket");
    packages.set(advisory.package, bucket);
    const severity = SEVERITY_NUMBERS[advisory.severity];
    // Debian's own severity wins over the details', so it is stated in both places.
    bucket.set(advisory.id, json({ FixedVersion: advisory.fixedVersion, Severity: severity }));
    details.set(
      advisory.id,
      json({
        Title: advisory.title,
        Description: advisory.title,
        Severity: advisory.severity,
        VendorSeverity: { debian: severity, nvd: severity },
        References: [`https://security-tracker.debian.org/tracker/${advisory.id}`],
      }),
    );
  }
  const source = {
    ID: "debian",
    Name: "Debian Security Tracker",
    URL: "https://salsa.debian.org/security-tracker-team/security-tracker",
  };
  const root: Bucket = new Map<string, Buffer | Bucket>([
    [DEBIAN_RELEASE, packages],
    ["data-source", new Map([[DEBIAN_RELEASE, json(source)]])],
    ["vulnerability", details],
  ]);
  replaceFile(cacheFolder, "trivy.db", writeBoltFile(root));
}

/** Writes `metadata.json` beside the database: how old it says it is. */
export function writeMetadata(cacheFolder: string, updatedAt: Date): void {
  const metadata = {
    Version: 2,
    NextUpdate: new Date(updatedAt.getTime() + DAY_MS),
    UpdatedAt: updatedAt,
    DownloadedAt: updatedAt,
  };
  replaceFile(cacheFolder, "metadata.json", json(metadata));
}

function replaceFile(cacheFolder: string, name: string, content: Buffer): void {
  const folder = join(cacheFolder, "db");
  mkdirSync(folder, { recursive: true });
  const draft = join(folder, `${name}.new`);
  writeFileSync(draft, content);
  renameSync(draft, join(folder, name));
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
