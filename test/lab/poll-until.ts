import { setTimeout as sleep } from "node:timers/promises";

/**
 * Asks every 50 ms until the answer is not undefined, and returns it. Rejects after `timeoutMs`
 * with the last error of `ask` as cause; errors before that count as "not yet".
 */
export async function pollUntil<T>(
  what: string,
  timeoutMs: number,
  ask: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const startMs = performance.now();
  let cause: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
      cause = undefined;
    } catch (error) {
      if (error instanceof HopelessError) throw error;
      cause = error;
    }
    if (performance.now() - startMs > timeoutMs) {
      throw new Error(`${what}: not within ${timeoutMs} ms`, { cause });
    }
    await sleep(50);
  }
}

/** Thrown by `ask` when waiting longer is pointless. */
export class HopelessError extends Error {}
