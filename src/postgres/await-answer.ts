import { OperatorError } from "../errors.ts";
import type { Ports } from "../ports.ts";
import { connect, type PostgresClient } from "./client.ts";

const POLL_MS = 1000;

/**
 * A client of a server that answers a query, or why there is none: it is stopped, restarts on and
 * on, or does not answer in this time.
 */
export async function awaitAnswer(
  containerId: string,
  user: string | null,
  { engine, clock }: Pick<Ports, "engine" | "clock">,
  timeoutMs: number,
): Promise<PostgresClient | { why: string }> {
  const deadlineMs = clock.monotonicMs() + timeoutMs;
  for (;;) {
    const present = await engine.inspectContainer(containerId);
    if (present === null) return { why: "its container is gone" };
    if (!present.State.Running)
      return { why: `it is stopped (exit code ${present.State.ExitCode})` };
    if (present.State.Restarting) return { why: "it ends again and again" };
    try {
      const client = await connect(present, user, engine);
      await client.rows("postgres", "select 1 as answer");
      return client;
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      if (clock.monotonicMs() >= deadlineMs) return { why: error.message };
      await clock.sleep(POLL_MS);
    }
  }
}
