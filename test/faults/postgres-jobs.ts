/** What `npm run faults` does to the procedures of PostgreSQL. */
import { join } from "node:path";
import type { Job } from "./jobs.ts";
import type { Fault } from "./postgres-faults.ts";
import { POSTGRES_PROCEDURES } from "./postgres-scenarios.ts";

export interface PostgresKind {
  name: string;
  /** Rows of the table; the first is that of the other scenarios. */
  title: string;
  fault: Fault;
  points: "journal entries" | "long works";
}

export const POSTGRES_KINDS: readonly PostgresKind[] = [
  {
    ...{ name: "journal", title: "kill after a journal entry" },
    ...{ fault: "kill", points: "journal entries" },
  },
  {
    ...{ name: "kill-in-work", title: "kill in the middle of long work" },
    ...{ fault: "kill", points: "long works" },
  },
  {
    ...{ name: "engine-at-entry", title: "engine restarts after a journal entry" },
    ...{ fault: "engine restart", points: "journal entries" },
  },
  {
    ...{ name: "engine-in-work", title: "engine restarts in the middle of long work" },
    ...{ fault: "engine restart", points: "long works" },
  },
];

export const POSTGRES_JOBS: readonly Job[] = POSTGRES_PROCEDURES.flatMap((procedure) =>
  POSTGRES_KINDS.map((kind) => ({
    ...{ scenario: procedure.name, scenarioTitle: procedure.title },
    ...{ kind: kind.name, kindTitle: kind.title, unit: kind.points, stride: 1 },
    worker: join(import.meta.dirname, "postgres-worker.ts"),
  })),
);
