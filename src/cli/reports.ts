/** Results of the procedures as the command line shows them; `--json` prints them as they are. */
import type { Decision } from "../policy/decision.ts";
import type { Finding } from "../ports.ts";
import type { QueueEntry } from "../state/queue.ts";
import type { NextRun } from "../update/next-run.ts";
import type { Outcome } from "../update/outcome.ts";
import type { Phase } from "../update/phases.ts";
import type { Digest } from "../values/digest.ts";

export interface StatusReport {
  schema: 1;
  host: string;
  at: string;
  /** Who holds the host lock now. */
  running: { pid: number; command: string; since: string } | "unknown" | null;
  /** The daemon (`serve`) of this state folder. */
  daemon: { pid: number; command: string; since: string } | "unknown" | null;
  /** Operations that a crash left unfinished. */
  unfinished: readonly { container: string; phase: Phase; since: string }[];
  /** The first that could deploy or look for something; null where none is scheduled. */
  nextRun: NextRun | null;
  /** Of every scheduled job, the earliest first. */
  nextRuns: readonly NextRun[];
  /** Messages that still wait for delivery. */
  undelivered: number;
  containers: readonly ContainerStatus[];
}

export interface ContainerStatus {
  container: string;
  service: string;
  reference: string;
  /** The engine's word: running, exited, ... */
  state: string;
  runningImageId: string;
  runningDigest: Digest | null;
  /** As last looked up by a run or `check`; null when never. */
  candidate: Digest | null;
  /** Null: watched. Otherwise why it is not updated (pinned, excluded, built here, ...). */
  skipped: string | null;
  /** The container in whose network it lives, and with which it is recreated; null: its own. */
  recreatedWith: string | null;
  /** Of the candidate; null when it was never judged. */
  decision: Decision | null;
  queue: QueueEntry | null;
  lastUpdate: { at: string; outcome: Outcome["kind"] } | null;
  backups: number;
}

export interface Explanation {
  schema: 1;
  container: string;
  service: string;
  reference: string;
  settings: readonly { key: string; value: string; origin: string }[];
  /** What an update would do, in order. */
  steps: readonly { phase: Phase; text: string }[];
  decision: Decision | null;
  /** Why nothing would be put in service now; empty when an update would go through. */
  obstacles: readonly string[];
}

/** One scanned image of `pratique scan`. */
export interface ScanReport {
  /** The container asked for; null for a bare image. */
  container: string | null;
  reference: string;
  digest: Digest;
  /** Which of the two was scanned. */
  what: "candidate" | "running" | "image";
  findings: readonly Finding[];
  /** Null when nothing could be scanned: the decision says why. */
  packageCount: number | null;
  os: string | null;
  endOfLife: boolean;
  scannerVersion: string | null;
  databaseUpdatedAt: string | null;
  decision: Decision;
}
