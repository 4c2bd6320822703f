import { operationSteps } from "../state/journal.ts";
import type { Phase } from "../update/phases.ts";
import type { PostgresUpdate } from "./postgres-update.ts";

/**
 * The restore of a whole cluster, in order, as the journal has it. Until "exchange" the former data
 * is in its place; from "start dependents" on applications may write into the restored one.
 */
const RESTORE_STEPS = {
  "stop dependents": "back-up",
  dump: "back-up",
  "stop server": "back-up",
  fill: "back-up",
  exchange: "deploy",
  "start server": "verify",
  "start dependents": "verify",
} as const satisfies Record<string, Phase>;

/** The restore of one database. After "exchange names" the names tell whether it was exchanged. */
const DATABASE_STEPS = {
  "temporary database": "back-up",
  "exchange names": "deploy",
  "start dependents": "verify",
} as const satisfies Record<string, Phase>;

export type RestoreStep = keyof typeof RESTORE_STEPS;
export type DatabaseStep = keyof typeof DATABASE_STEPS;

/** Journals the intent and tells it. */
export function beginStep(update: PostgresUpdate, step: RestoreStep, text: string): void {
  begin(update, RESTORE_STEPS[step], step, text);
}

export function beginDatabaseStep(update: PostgresUpdate, step: DatabaseStep, text: string): void {
  begin(update, DATABASE_STEPS[step], step, text);
}

function begin(update: PostgresUpdate, phase: Phase, restore: string, text: string): void {
  const { operation, member, context } = update;
  operation.step(phase, member, { restore });
  context.progress({ kind: "phase", container: member.container, phase: "roll-back", text });
}

/** Whether a step had begun, and whether it had already turned back. */
export function journalOf({ operation, context }: PostgresUpdate): {
  hasReached(step: RestoreStep): boolean;
  isGoingBack: boolean;
} {
  const journal = operationSteps(context.state, operation.id);
  const names = journal.map(({ detail }) =>
    typeof detail === "object" && detail !== null && "restore" in detail ? detail.restore : null,
  );
  return {
    hasReached: (step) => names.includes(step),
    isGoingBack: journal.some(({ phase }) => phase === "roll-back"),
  };
}
