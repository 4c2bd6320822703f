/** The part of the enumeration that `npm test` has time for. `npm run faults` does it all. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { enumerate, type Point, type Request } from "./enumerate.ts";
import { KINDS, type Kind } from "./kinds.ts";
import { SCENARIOS } from "./scenarios.ts";

/** Which points of which kinds: the first, and every so many after it. */
const SLICE: Readonly<Record<string, { from: number; step: number }>> = {
  journal: { from: 4, step: 7 },
  // The second changing call names the candidate: nothing but the next run can remove it then.
  "kill-after": { from: 2, step: 11 },
  error: { from: 12, step: 45 },
  reset: { from: 15, step: 400 },
  "again-deploy": { from: 7, step: 400 },
};

/** Fails with every point that did not converge. */
export async function assertSliceConverges(name: string, t: TestContext): Promise<void> {
  const scenario = named(name, SCENARIOS);
  const requests = Object.entries(SLICE).map(
    ([kind, points]): Request => ({ kind: named(kind, KINDS), ...points }),
  );
  const points: { kind: Kind; point: Point }[] = [];
  await enumerate(scenario, requests, (kind, point) => points.push({ kind, point }));
  for (const { kind, point } of points) {
    t.diagnostic(`${kind.name} ${point.n} (${point.where}): ${point.end}`);
  }
  const bad = points.filter(({ point }) => point.problems.length > 0);
  assert.deepEqual(
    bad.map(({ kind, point }) => [kind.name, point.n, point.where, ...point.problems]),
    [],
  );
  const met = new Set(points.map(({ kind }) => kind.name));
  assert.deepEqual([...met], Object.keys(SLICE));
}

function named<Named extends { name: string }>(wanted: string, all: readonly Named[]): Named {
  const found = all.find(({ name }) => name === wanted);
  if (found === undefined) throw new Error(`there is no ${wanted}`);
  return found;
}
