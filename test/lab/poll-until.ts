import { setTimeout as sleep } from "node:timers/promises";

/**
 * Asks every 50 ms until the answer is not undefined, and returns it; what takes long to ask, less
 * often: what is waited for needs the machine. Rejects after `timeoutMs` with the last error of
 * `ask` as cause; errors before that count as "not yet".
 */
export async function pollUntil<T>(
  what: string,
  timeoutMs: number,
  ask: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const startMs = performance.now();
  let cause: unknown;
  for (;;) {
    const askedMs = performance.now();
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
      cause = undefined;
    } catch (error) {
      if (error instanceof HopelessError) throw error;
      cause = error;
    }
    const nowMs = performance.now();
    if (nowMs - startMs > timeoutMs) {
      throw new Error(`${what}: not within ${timeoutMs} ms`, { cause });
    }
    await sleep(Math.max(50, 2 * (nowMs - askedMs)));
  }
}

/** Thrown by `ask` when waiting longer is pointless. */
export class HopelessError extends Error {}
