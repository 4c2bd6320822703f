import type { Phase } from "../update/phases.ts";

/**
 * The update of a PostgreSQL server, in order, after its preflight. The journal, the progress and
 * `docs/runbook-postgres.md` (tested) use this tuple; nothing else knows the order.
 */
export const POSTGRES_STEPS = [
  "notify start",
  "stop dependents",
  "stop sidecars",
  "verify idle",
  "dump",
  "drill",
  "stop server",
  "cold copy",
  "tag backup",
  "start candidate",
  "await ready",
  "check cluster",
  "start dependents",
  "verify dependents",
  "start sidecars",
  "notify complete",
] as const;

export type PostgresStep = (typeof POSTGRES_STEPS)[number];

/** The phase of the update procedure that a step belongs to. */
export function phaseOf(step: PostgresStep): Phase {
  if (isBefore(step, "start candidate")) return "back-up";
  if (step === "start candidate") return "deploy";
  return step === "notify complete" ? "commit" : "verify";
}

/** Whether a step comes before another. */
export function isBefore(step: PostgresStep, other: PostgresStep): boolean {
  return POSTGRES_STEPS.indexOf(step) < POSTGRES_STEPS.indexOf(other);
}

/** `5 dump`: as the runbook numbers it. */
export function stepTitle(step: PostgresStep): string {
  return `${POSTGRES_STEPS.indexOf(step) + 1} ${step}`;
}
