import { failedRollbacks } from "../state/journal.ts";
import type { RunContext } from "./context.ts";
import type { RunReport } from "./outcome.ts";
import type { UpdatePlan } from "./plan.ts";
import { asRun } from "./run.ts";
import { settleMended } from "./settle-mended.ts";

export interface RecoverRequest {
  waitLockMs: number;
  /**
   * A person says that what failed to roll back is mended. Never from a timetable: nobody would have
   * looked.
   */
  settle: boolean;
}

/** `pratique recover`: every run recovers first; this one does only that. */
export async function recover(request: RecoverRequest, context: RunContext): Promise<RunReport> {
  const { waitLockMs, settle } = request;
  // What this very run gives up on, nobody has mended yet.
  const waiting = settle ? failedRollbacks<UpdatePlan>(context.state) : [];
  const frame = { kind: "recover" as const, dryRun: false, waitLockMs };
  return await asRun(frame, context, async (runId) => {
    await settleMended(waiting, runId, context);
    return { containers: [], isEnvironmentMissing: false };
  });
}
