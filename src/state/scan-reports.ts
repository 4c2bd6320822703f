// Invariants: `reports/<digest>.json.gz` is complete or absent; its name comes from a digest only.
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import type { Digest } from "../values/digest.ts";
import { writeFileAtomically } from "./files.ts";
import type { State } from "./state.ts";

// A report is read back into memory; Trivy's largest known ones have some tens of megabytes.
const MAX_REPORT_BYTES = 512 * 1024 * 1024;

/** Where the scanner's whole report about a digest is kept. */
export function reportPath(state: Pick<State, "folder">, digest: Digest): string {
  return join(reportFolder(state.folder), `${digest.replace("sha256:", "")}.json.gz`);
}

export function reportFolder(folder: string): string {
  return join(folder, "reports");
}

/** Keeps a report; where it cannot be written, the state's problems say so. */
export function saveReport(state: State, digest: Digest, report: Uint8Array): void {
  try {
    mkdirSync(reportFolder(state.folder), { recursive: true, mode: 0o700 });
    writeFileAtomically(reportPath(state, digest), gzipSync(report));
  } catch (error) {
    state.report(`The scan report of ${digest} could not be kept: ${String(error)}`);
  }
}

/** The kept report; null when there is none or it cannot be read. */
export function readReport(state: State, digest: Digest): Buffer | null {
  try {
    return gunzipSync(readFileSync(reportPath(state, digest)), {
      maxOutputLength: MAX_REPORT_BYTES,
    });
  } catch {
    return null;
  }
}
