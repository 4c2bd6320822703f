import type { Clock } from "../../ports.ts";
import { oneLine } from "../evidence.ts";
import { type Check, type CheckResult, type Outcome, unknown } from "./check.ts";

/** Evidence is one line of a table or message. */
const MAX_EVIDENCE = 300;

/** Runs one check within a bound of its own, so that no probe can hang the others. */
export async function runCheck(
  check: Check,
  limits: { timeoutMs: number; clock: Clock },
): Promise<CheckResult> {
  const startedMs = limits.clock.monotonicMs();
  const ended = new AbortController();
  const tooLong = limits.clock
    .sleep(limits.timeoutMs, ended.signal)
    .then(() => unknown(`the probe itself did not end within ${limits.timeoutMs / 1000} s`));
  // The sleep rejects when the check is quicker; nobody waits for it then.
  tooLong.catch(() => undefined);
  const outcome = await Promise.race([outcomeOf(check), tooLong]);
  ended.abort();
  return {
    probe: check.name,
    verdict: outcome.verdict,
    evidence: oneLine(outcome.evidence, MAX_EVIDENCE),
    durationMs: Math.round(limits.clock.monotonicMs() - startedMs),
    isRequired: check.isRequired,
    isPending: outcome.isPending === true,
  };
}

/** A probe that cannot be run is unknown, whatever the reason; it is never taken for healthy. */
async function outcomeOf(check: Check): Promise<Outcome> {
  try {
    return await check.run();
  } catch (error) {
    return unknown(error instanceof Error ? error.message : "the probe failed");
  }
}
