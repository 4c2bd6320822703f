import type { Platform, Scan, ScanFailure } from "../ports.ts";
import { saveScan } from "../state/scans.ts";
import type { Digest } from "../values/digest.ts";
import type { RunContext } from "./context.ts";
import { type Group, leader } from "./group.ts";
import { platformOf } from "./recreation.ts";

/** Candidate and running images, scanned with the same database. */
export interface Scans {
  candidate: Scan | ScanFailure;
  /** By container; null where the running image has no digest that a registry knows. */
  running: ReadonlyMap<string, Scan | ScanFailure | null>;
}

/**
 * Scans the candidate and what the members run now. Nothing is stopped and nothing is pulled: the
 * scanner reads the registry by digest. A scan that did not finish is `unknown`, never clean (I7).
 */
export async function scan(group: Group, context: RunContext): Promise<Scans> {
  const platform = platformOf(leader(group).image);
  const candidate = await scanOne(group, group.candidate, platform, context);
  const running = new Map<string, Scan | ScanFailure | null>();
  // Members often run one image.
  const byDigest = new Map<Digest, Scan | ScanFailure>();
  for (const { container, runningDigests } of group.members) {
    const digest = runningDigests[0];
    // Without a scan of the candidate there is nothing to compare with.
    if (digest === undefined || candidate.kind === "unknown") {
      running.set(container, null);
      continue;
    }
    const result = byDigest.get(digest) ?? (await scanOne(group, digest, platform, context));
    byDigest.set(digest, result);
    running.set(container, result);
  }
  return { candidate, running };
}

/** Nothing can be decided anywhere without it. */
export function isScannerMissing(scan: Scan | ScanFailure): boolean {
  return (
    scan.kind === "unknown" && ["scanner-unreachable", "scanner-missing"].includes(scan.reason)
  );
}

/** Scans one digest of the group's repository and keeps the result and the whole report. */
export async function scanOne(
  { reference }: Pick<Group, "reference">,
  digest: Digest,
  platform: Platform,
  context: RunContext,
): Promise<Scan | ScanFailure> {
  const result = await context.ports.scanner.scan({
    reference,
    digest,
    platform,
    signal: context.stop,
  });
  if (result.kind === "scanned") saveScan(context.state, result, reference.text);
  return result;
}
