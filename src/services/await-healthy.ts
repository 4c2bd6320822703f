/**
 * The wait after a deployment: until the service is proved healthy, until nothing will get better
 * any more, or until the deadline. What was already bad before the update does not count.
 */
import type { Verdict } from "../ports.ts";
import { formatDuration } from "../values/duration.ts";
import type { CheckDeps, CheckResult } from "./checks/check.ts";
import { healthcheckAllowanceMs } from "./checks/docker-health.ts";
import { pollUntil } from "./checks/poll-until.ts";
import { dependentChecks } from "./dependents.ts";
import { oneLine, redactorFor } from "./evidence.ts";
import {
  compareWithBaseline,
  explainProbe,
  type HealthReport,
  worstVerdict,
} from "./health-report.ts";
import { type CheckTarget, type Round, reportOf } from "./round.ts";
import { DEEP_LIMIT_MS, type Look, Watch } from "./watch.ts";

export interface AwaitOptions {
  /** Null: the service's `timeout`, the preset's own, else `health.timeout`. */
  deadlineMs: number | null;
  /** Null: the service's `stable`, else `health.stable`. */
  stableMs: number | null;
  /** The image id that must run; null: not compared. */
  expectedImageId: string | null;
  /** What was found before the update; null: everything must be healthy. */
  baseline: HealthReport | null;
  /** Leave the dependents out: they are stopped, or the caller checks them. */
  withoutDependents?: boolean;
  /** Leave out the checks that follow an update only. */
  withoutDeep?: boolean;
  onProgress?: ((progress: WaitProgress) => void) | undefined;
  signal?: AbortSignal | undefined;
}

export interface WaitProgress {
  text: string;
  elapsedMs: number;
  timeoutMs: number;
}

/** How a wait ended, with what an operator needs to see why. */
export interface Verification {
  verdict: Verdict;
  /** One sentence. */
  why: string;
  report: HealthReport;
  /** Probes that count against the candidate; empty when healthy. */
  worse: readonly CheckResult[];
  /** Not healthy, but no worse than before the update. */
  asBefore: readonly CheckResult[];
  /** Elapsed time, last status, last log lines; no secrets, no control characters. */
  evidence: readonly string[];
  elapsedMs: number;
  /** When the service answered for the first time: the end of the downtime. */
  firstPassed: { wallMs: number; monotonicMs: number } | null;
}

const FAST_POLL_MS = 250;
/** The first ten seconds: most services are up by then, and downtime is measured. */
const FAST_ROUNDS = 40;
const SLOW_POLL_MS = 1000;
const LOG_LINES = 20;

/** Waits until the service is healthy, hopeless or out of time. Throws only when aborted. */
export async function awaitHealthy(
  target: CheckTarget,
  deps: CheckDeps,
  options: AwaitOptions,
): Promise<Verification> {
  const stableMs = options.stableMs ?? target.service?.stableMs ?? deps.config.health.stableMs;
  const watch = new Watch(target, deps, {
    stableMs,
    expectedImageId: options.expectedImageId,
    baseline: options.baseline,
    withDeep: options.withoutDeep !== true,
    dependents: options.withoutDependents === true ? [] : dependentChecks(target, deps),
  });
  const limitMs = (look: Look) => {
    const deadlineMs = deadlineOf(look.round, deps, options);
    return look.progress.kind === "settling" ? deadlineMs + stableMs + DEEP_LIMIT_MS : deadlineMs;
  };
  const end = await pollUntil(() => watch.look(), {
    isFinal: ({ progress }) => progress.kind === "proved" || progress.kind === "hopeless",
    timeoutMs: limitMs,
    everyMs: (round) => (round <= FAST_ROUNDS ? FAST_POLL_MS : SLOW_POLL_MS),
    clock: deps.clock,
    signal: options.signal,
    onProgress: (look, elapsedMs) =>
      options.onProgress?.({
        text: look.text,
        elapsedMs,
        timeoutMs: deadlineOf(look.round, deps, options),
      }),
  });
  return await conclude(end.value, end.elapsedMs, watch.firstPassed, deps, options);
}

/** At least what the container's own HEALTHCHECK needs to decide. */
function deadlineOf(round: Round, deps: CheckDeps, options: AwaitOptions): number {
  const { target, preset, container } = round;
  const deadlineMs =
    options.deadlineMs ??
    target.service?.timeoutMs ??
    preset.timeoutMs ??
    deps.config.health.timeoutMs;
  return Math.max(deadlineMs, container === null ? 0 : healthcheckAllowanceMs(container));
}

async function conclude(
  look: Look,
  elapsedMs: number,
  firstPassed: Verification["firstPassed"],
  deps: CheckDeps,
  options: AwaitOptions,
): Promise<Verification> {
  const { worse, asBefore } = compareWithBaseline(options.baseline, look);
  const report = reportOf(look.round, look.probes, elapsedMs);
  const isProved = look.progress.kind === "proved";
  const verdict = isProved ? "healthy" : verdictOf(look, worse);
  const why = isProved ? whyHealthy(look, elapsedMs) : whyNot(look, worse, elapsedMs);
  const evidence = [
    `waited ${formatDuration(elapsedMs)}`,
    ...worse.map(explainProbe),
    ...asBefore.map((result) => `as before the update: ${explainProbe(result)}`),
    ...(isProved ? [] : await logLines(look.round, deps)),
  ];
  return { verdict, why, report, worse, asBefore, evidence, elapsedMs, firstPassed };
}

/** A state that nothing leaves is unhealthy; at the deadline it is the worst that was seen. */
function verdictOf(look: Look, worse: readonly CheckResult[]): Verdict {
  if (look.progress.kind === "hopeless") return look.progress.verdict;
  const worst = worstVerdict(worse.map(({ verdict }) => verdict));
  return worst === "healthy" ? "unhealthy" : worst;
}

function whyHealthy(look: Look, elapsedMs: number): string {
  const passed = look.probes.filter(({ verdict }) => verdict === "healthy").length;
  return `healthy after ${formatDuration(elapsedMs)}, ${passed} of ${look.probes.length} checks passed`;
}

function whyNot(look: Look, worse: readonly CheckResult[], elapsedMs: number): string {
  const name = look.round.target.container;
  if (look.progress.kind === "hopeless") return `${name}: ${look.progress.why}`;
  const reasons = worse.slice(0, 3).map(explainProbe).join("; ");
  return `${name} did not become healthy within ${formatDuration(elapsedMs)}: ${
    reasons === "" ? "it did not stay up long enough" : reasons
  }`;
}

async function logLines(round: Round, deps: CheckDeps): Promise<string[]> {
  if (round.container === null) return [];
  const redact = redactorFor(round.container);
  try {
    const lines = await deps.engine.logTail(round.container.Id, LOG_LINES);
    return lines
      .slice(-LOG_LINES)
      .map((line) => oneLine(redact(line)))
      .filter((line) => line !== "")
      .map((line) => `log: ${line}`);
  } catch {
    return ["the log could not be read"];
  }
}
