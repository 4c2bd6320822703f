/** Everything that `npm run faults` does: one job is one kind of fault in one scenario. */
import { join } from "node:path";
import { strideOf } from "./enumerate.ts";
import { KINDS } from "./kinds.ts";
import { POSTGRES_JOBS } from "./postgres-jobs.ts";
import { SCENARIOS } from "./scenarios.ts";

export interface Job {
  scenario: string;
  scenarioTitle: string;
  kind: string;
  kindTitle: string;
  /** What its points are. */
  unit: string;
  /** Every so many of them, always. */
  stride: number;
  /** The program that does it. */
  worker: string;
}

const WORKER = join(import.meta.dirname, "worker.ts");

const UPDATE_JOBS: readonly Job[] = SCENARIOS.flatMap((scenario) =>
  KINDS.filter(({ name }) => scenario.strides === null || name in scenario.strides).map((kind) => ({
    scenario: scenario.name,
    scenarioTitle: scenario.title,
    kind: kind.name,
    kindTitle: kind.title,
    unit: kind.points,
    stride: strideOf(scenario, kind),
    worker: WORKER,
  })),
);

export const JOBS: readonly Job[] = [...UPDATE_JOBS, ...POSTGRES_JOBS];
