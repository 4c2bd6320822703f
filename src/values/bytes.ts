const UNITS = ["B", "kB", "MB", "GB", "TB"] as const;

/** A size for people, in steps of 1000 as the engine shows them: `184 MB`, `1.4 GB`. */
export function formatBytes(sizeBytes: number): string {
  let value = sizeBytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const isPrecise = unit > 0 && value < 9.95;
  return `${isPrecise ? value.toFixed(1) : Math.round(value)} ${UNITS[unit]}`;
}
