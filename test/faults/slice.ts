/** The part of the enumeration that `npm test` has time for. `npm run faults` does it all. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { enumerate, type Point, type Request } from "./enumerate.ts";
import { KINDS, type Kind } from "./kinds.ts";
import { SCENARIOS } from "./scenarios.ts";

/** Points of each kind, by scenario: every kind and both ends somewhere, none of them twice. */
const SLICE: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>> = {
  // The second changing call names the candidate: nothing but the next run can remove it then.
  "compose-commit": { "kill-after": [2, 9], reset: [15] },
  "compose-rollback": { journal: [8], error: [12] },
  "engine-commit": { journal: [4], "again-deploy": [3] },
  "engine-rollback": { "kill-after": [13], error: [57] },
};

/** Fails with every point that did not converge. */
export async function assertSliceConverges(name: string, t: TestContext): Promise<void> {
  const scenario = named(name, SCENARIOS);
  const slice = SLICE[name] ?? {};
  const requests = Object.entries(slice).flatMap(([kind, points]) =>
    points.map((n): Request => ({ kind: named(kind, KINDS), from: n, to: n })),
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
  assert.deepEqual(
    points.map(({ kind, point }) => [kind.name, point.n]),
    requests.map(({ kind, from }) => [kind.name, from]),
  );
}

function named<Named extends { name: string }>(wanted: string, all: readonly Named[]): Named {
  const found = all.find(({ name }) => name === wanted);
  if (found === undefined) throw new Error(`there is no ${wanted}`);
  return found;
}
