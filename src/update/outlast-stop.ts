import type { RunContext } from "./context.ts";
import type { Operation } from "./operation.ts";
import type { MemberPlan } from "./plan.ts";

/** The engine's own, where the container names none. */
const DEFAULT_STOP_S = 10;
/** What a database server gets at least, from us too (facts/postgres section 6). */
const DATABASE_STOP_S = 120;
/** From the end of the timeout, SIGKILL, to a container that says it has exited. */
const MARGIN_MS = 2_000;
/** Whoever deploys has given up after this long. */
const LONGEST_DEPLOY_MS = 15 * 60_000;
const PAUSE_MS = 500;

/**
 * A stop goes on in the engine when compose, or pratique itself, was killed while it waited for it. A
 * former container that still runs then is not well: it has been told to end. So nothing is said of
 * one until every stop that may be under way is over.
 */
export async function outlastStop(
  { formerId, formerInspect, deployStartedAtMs, wasUp }: MemberPlan,
  { plan }: Operation,
  { ports }: RunContext,
): Promise<void> {
  const { engine, clock } = ports;
  const least = plan.postgres === undefined ? 0 : DATABASE_STOP_S;
  const own = Number(formerInspect.Config.StopTimeout ?? DEFAULT_STOP_S);
  // Below zero the engine waits for ever, and so does whoever asked for it.
  const stopMs = Math.max(least, own < 0 ? DATABASE_STOP_S : own) * 1000 + MARGIN_MS;
  const startedAtMs = deployStartedAtMs ?? plan.postgres?.stoppedAtMs ?? null;
  const isLongAgo = startedAtMs === null || clock.now() - startedAtMs > LONGEST_DEPLOY_MS + stopMs;
  if (!wasUp || isLongAgo) return;
  const deadlineMs = clock.monotonicMs() + stopMs;
  while (clock.monotonicMs() < deadlineMs) {
    const former = await engine.inspectContainer(formerId);
    if (former === null || !former.State.Running) return;
    await clock.sleep(PAUSE_MS);
  }
}
