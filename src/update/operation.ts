import type { OperationEnd } from "../state/journal.ts";
import {
  closeOperation,
  openOperation,
  recordStep,
  recordStepIfPossible,
  savePlan,
} from "../state/journal.ts";
import type { State } from "../state/state.ts";
import { isUnwritable } from "../state/state.ts";
import type { Phase } from "./phases.ts";
import type { MemberPlan, UpdatePlan } from "./plan.ts";

/** An operation in hand: its plan, and the journal that every step goes through first (I5). */
export interface Operation {
  readonly id: string;
  readonly runId: string;
  readonly plan: UpdatePlan;
  /**
   * Commits the intent of a step; the step may begin only when this has returned. Throws
   * STATE_UNWRITABLE, except in a roll back and in clean-up, which a full disk must not stop.
   */
  step(phase: Phase, member: MemberPlan | null, detail?: unknown): void;
  /** Commits facts learned since (a new container's id, a time). */
  savePlan(): void;
  /** Ends the operation; belongs in the transaction of its outcome (I6). */
  close(end: OperationEnd): void;
}

/** Opens an operation: from here on a crash is recovered. */
export function beginOperation(state: State, runId: string, plan: UpdatePlan): Operation {
  const containers = plan.members.map(({ container }) => container);
  const id = openOperation(state, { runId, kind: plan.kind, containers, plan });
  return resumeOperation(state, { id, runId, plan });
}

/** The operation that a crash left open, with the same journal. */
export function resumeOperation(
  state: State,
  stored: { id: string; runId: string; plan: UpdatePlan },
): Operation {
  let isGoingBack = false;
  return {
    ...stored,
    step(phase, member, detail) {
      isGoingBack ||= phase === "roll-back" || phase === "clean-up";
      const step = { phase, container: member?.container ?? null, detail };
      if (isGoingBack) recordStepIfPossible(state, stored.id, step);
      else recordStep(state, stored.id, step);
    },
    savePlan() {
      try {
        savePlan(state, stored.id, stored.plan);
      } catch (error) {
        if (!isGoingBack || !isUnwritable(error)) throw error;
        state.report(error.message);
      }
    },
    close(end) {
      closeOperation(state, stored.id, end);
    },
  };
}
