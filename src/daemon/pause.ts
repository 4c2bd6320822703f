import type { Clock } from "../ports.ts";

/** Sleeps; a signal only makes it shorter. */
export async function pause(
  clock: Pick<Clock, "sleep">,
  durationMs: number,
  stop: AbortSignal,
): Promise<void> {
  await clock.sleep(durationMs, stop).catch(() => {});
}
