/** One line of the table that `npm run bench` prints: ours, what it is compared with, the ratio. */
export function printRow(
  what: string,
  ours: string,
  floor?: { what: string; value: string; ratio: number },
): void {
  const compared =
    floor === undefined
      ? ""
      : `${floor.what.padEnd(34)} ${floor.value.padStart(10)}  ${floor.ratio.toFixed(2)} ×`;
  console.log(`${what.padEnd(52)} ${ours.padStart(10)}   ${compared}`.trimEnd());
}

export function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? 0;
}

export function milliseconds(ms: number): string {
  return ms < 10_000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
