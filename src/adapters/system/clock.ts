import type { Clock } from "../../ports.ts";

/** Longest delay that a Node timer takes; longer sleeps are cut into these. */
const MAX_TIMER_MS = 2_147_483_647;

/** The clock of this machine. */
export function createClock(): Clock {
  return {
    now: () => Date.now(),
    monotonicMs: () => performance.now(),
    async sleep(durationMs, signal) {
      const endMs = performance.now() + durationMs;
      do {
        const leftMs = Math.max(0, endMs - performance.now());
        await sleepOnce(Math.min(leftMs, MAX_TIMER_MS), signal);
      } while (performance.now() < endMs - 1);
    },
  };
}

function sleepOnce(durationMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, durationMs);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
