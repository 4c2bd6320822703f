import type { RunContext } from "./context.ts";
import type { RunReport } from "./outcome.ts";
import { asRun } from "./run.ts";

/** `pratique recover`: every run recovers first; this one does only that. */
export async function recover(
  request: { waitLockMs: number },
  context: RunContext,
): Promise<RunReport> {
  const frame = { kind: "recover" as const, dryRun: false, ...request };
  return await asRun(frame, context, async () => ({ containers: [], isEnvironmentMissing: false }));
}
