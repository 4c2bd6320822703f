import type { RunContext } from "./context.ts";
import type { RunReport } from "./outcome.ts";
import { asRun } from "./run.ts";
import { settleMended } from "./settle-mended.ts";

export interface RecoverRequest {
  waitLockMs: number;
  /** Also looks whether a person has mended what failed to roll back; the daemon need not wait. */
  settles: boolean;
}

/** `pratique recover`: every run recovers first; this one does only that. */
export async function recover(request: RecoverRequest, context: RunContext): Promise<RunReport> {
  const { waitLockMs, settles } = request;
  const frame = { kind: "recover" as const, dryRun: false, waitLockMs };
  return await asRun(frame, context, async (runId) => {
    if (settles) await settleMended(runId, context);
    return { containers: [], isEnvironmentMissing: false };
  });
}
