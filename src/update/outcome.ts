import type { ExitCode } from "../errors.ts";
import type { Decision, HoldReason } from "../policy/decision.ts";
import type { Finding, PullProgress } from "../ports.ts";
import type { Digest } from "../values/digest.ts";
import type { Phase } from "./phases.ts";

/** How one container's way through the procedure ended. Exactly one per update (I6). */
export type Outcome =
  | { kind: "up-to-date" }
  /** Pinned, locally built, excluded, stopped: listed with the reason, never deployed. */
  | { kind: "skipped"; why: string }
  /** `check`: there is a candidate, nobody was asked to deploy it. */
  | { kind: "available" }
  /** `weekly --dry-run`: what a run would do now. */
  | { kind: "would-update" }
  | { kind: "blocked" }
  | { kind: "held"; reason: HoldReason; why: string }
  | { kind: "updated"; downtimeMs: number | null }
  /** The former image is back and proved (I8). */
  | { kind: "rolled-back"; phase: Phase; why: string; evidence: readonly string[] }
  | { kind: "rollback-failed"; phase: Phase; why: string; evidence: readonly string[] }
  /** Failed before anything was changed. */
  | { kind: "failed"; phase: Phase; why: string };

export interface ContainerReport {
  container: string;
  /** Key in the configuration; the container's name where there is none. */
  service: string;
  reference: string;
  runningImageId: string;
  runningDigest: Digest | null;
  candidate: Digest | null;
  decision: Decision | null;
  /** Of a blocked candidate: the findings that the decision names as blockers. */
  blocking?: readonly Finding[];
  outcome: Outcome;
  /** Containers in its namespaces, recreated (or brought back) with it; not where there are none. */
  followers?: readonly string[];
  phases: readonly { phase: Phase; durationMs: number }[];
}

export type RunKind = "weekly" | "retry" | "update" | "check" | "rollback" | "recover";

export interface RunReport {
  schema: 1;
  run: string;
  kind: RunKind;
  host: string;
  dryRun: boolean;
  startedAt: string;
  durationMs: number;
  containers: readonly ContainerReport[];
  /** Set when the run ended early: stopped by a signal, engine lost. */
  interrupted: string | null;
  exitCode: ExitCode;
}

/** What a run tells while it works; the terminal renders it live, a pipe a line per phase. */
export type ProgressEvent =
  | { kind: "phase"; container: string; phase: Phase; text: string }
  /** The phase in hand of this container, or of this group, is over. */
  | { kind: "phase-end"; container: string }
  | { kind: "pull"; container: string; progress: PullProgress }
  | { kind: "wait"; container: string; text: string; elapsedMs: number; timeoutMs: number }
  | { kind: "report"; report: ContainerReport }
  | { kind: "note"; text: string };

export type Progress = (event: ProgressEvent) => void;
