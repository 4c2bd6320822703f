import { OperatorError } from "../errors.ts";
import type { Readiness } from "../http/app.ts";
import { writeMeta } from "../state/meta.ts";
import type { RunContext } from "../update/context.ts";
import { formatDuration } from "../values/duration.ts";
import { type Scheduler, TICK_MS } from "./scheduler.ts";

/** An engine that takes longer than this for a ping is no help. */
const ENGINE_PATIENCE_MS = 4_000;

/**
 * Whether the daemon can do its work: the engine answers, the state can be written, the scheduler
 * looks at the clock. Those who ask at the same time share one answer.
 */
export function createReadiness(base: RunContext, scheduler: Scheduler): () => Promise<Readiness> {
  let asking: Promise<Readiness> | null = null;
  return async () => {
    asking ??= ask(base, scheduler).finally(() => {
      asking = null;
    });
    return await asking;
  };
}

async function ask(base: RunContext, scheduler: Scheduler): Promise<Readiness> {
  const reasons = [await engineProblem(base), stateProblem(base), schedulerProblem(scheduler)];
  return { reasons: reasons.filter((reason) => reason !== null) };
}

async function engineProblem({ ports }: RunContext): Promise<string | null> {
  const over = new AbortController();
  const late = ports.clock
    .sleep(ENGINE_PATIENCE_MS, over.signal)
    .then(() => `engine: no answer within ${formatDuration(ENGINE_PATIENCE_MS)}`)
    .catch(() => null);
  const answer = ports.engine.ping().then(
    () => null,
    (error: unknown) => `engine: ${textOf(error)}`,
  );
  const problem = await Promise.race([late, answer]);
  over.abort();
  return problem;
}

function stateProblem({ state }: RunContext): string | null {
  try {
    writeMeta(state, "ready", new Date(state.now()).toISOString());
    return null;
  } catch (error) {
    return `state: ${textOf(error)}`;
  }
}

function schedulerProblem(scheduler: Scheduler): string | null {
  const sinceMs = scheduler.sinceTickMs();
  if (sinceMs === null) return "schedule: what a crash left is not settled yet";
  if (sinceMs <= 2 * TICK_MS) return null;
  return `schedule: the clock was last looked at ${formatDuration(sinceMs)} ago`;
}

/** Our own words hold no secret; those of a bug might. */
function textOf(error: unknown): string {
  if (error instanceof OperatorError) return error.message;
  throw error;
}
