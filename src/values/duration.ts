const UNITS_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** Parses `10s`, `5m`, `48h`, `3d`, `1h30m` to milliseconds; null when it is no duration. */
export function parseDuration(text: string): number | null {
  const part = /(\d+(?:\.\d+)?)(ms|s|m|h|d|w)/y;
  let totalMs = 0;
  while (part.lastIndex < text.length) {
    const match = part.exec(text);
    if (match === null) return null;
    totalMs += Number(match[1]) * UNITS_MS[match[2] as keyof typeof UNITS_MS];
  }
  return text.length === 0 ? null : totalMs;
}

/** A duration for people: `340 ms`, `4.2 s`, `3 min 5 s`, `2 h`, `3 d`. */
export function formatDuration(durationMs: number): string {
  if (durationMs < 1000) return `${Math.round(durationMs)} ms`;
  if (durationMs < 60_000) return `${Number((durationMs / 1000).toFixed(1))} s`;
  if (durationMs < UNITS_MS.h) return pair(durationMs, UNITS_MS.m, "min", UNITS_MS.s, "s");
  if (durationMs < 2 * UNITS_MS.d) return pair(durationMs, UNITS_MS.h, "h", UNITS_MS.m, "min");
  return pair(durationMs, UNITS_MS.d, "d", UNITS_MS.h, "h");
}

function pair(totalMs: number, bigMs: number, big: string, smallMs: number, small: string): string {
  const rounded = Math.round(totalMs / smallMs) * smallMs;
  const rest = Math.round((rounded % bigMs) / smallMs);
  const head = `${Math.floor(rounded / bigMs)} ${big}`;
  return rest === 0 ? head : `${head} ${rest} ${small}`;
}
