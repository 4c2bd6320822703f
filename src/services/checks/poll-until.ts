import type { Clock } from "../../ports.ts";

export interface PollOptions<T> {
  /** Ends the wait at once: success, or a state that nothing will leave any more. */
  isFinal(value: T): boolean;
  /** Asked after each round: a limit may become known only while waiting. */
  timeoutMs(value: T): number;
  /** Pause before round n (from 1). */
  everyMs(round: number): number;
  clock: Clock;
  onProgress?: ((value: T, elapsedMs: number) => void) | undefined;
  signal?: AbortSignal | undefined;
}

export interface PollEnd<T> {
  value: T;
  isTimeout: boolean;
  elapsedMs: number;
}

/**
 * Asks until the answer is final or the time is over, on the monotonic clock. Rejects with the
 * signal's reason when it is aborted; the last round starts before the limit and is itself bounded.
 */
export async function pollUntil<T>(
  ask: () => Promise<T>,
  options: PollOptions<T>,
): Promise<PollEnd<T>> {
  const startedMs = options.clock.monotonicMs();
  for (let round = 1; ; round += 1) {
    options.signal?.throwIfAborted();
    const value = await ask();
    const elapsedMs = options.clock.monotonicMs() - startedMs;
    if (options.isFinal(value)) return { value, isTimeout: false, elapsedMs };
    const leftMs = options.timeoutMs(value) - elapsedMs;
    if (leftMs <= 0) return { value, isTimeout: true, elapsedMs };
    options.onProgress?.(value, elapsedMs);
    await options.clock.sleep(Math.min(options.everyMs(round), leftMs), options.signal);
  }
}
