/**
 * Preloaded into pratique where an engine that never answers is tested: long time limits (an engine
 * call's minute, compose's ten minutes) become a twentieth, at least twelve seconds. Only timers are
 * changed: waits that look at the clock, such as the patience with an absent engine, stay.
 */
const LONG_MS = 15_000;
const SHORTEST_MS = 12_000;
const original = globalThis.setTimeout;

function shortened(handler: (...values: unknown[]) => void, delayMs?: number, ...rest: unknown[]) {
  const isLong = delayMs !== undefined && delayMs > LONG_MS;
  return original(handler, isLong ? Math.max(SHORTEST_MS, delayMs / 20) : delayMs, ...rest);
}

globalThis.setTimeout = Object.assign(shortened, original) as typeof globalThis.setTimeout;
