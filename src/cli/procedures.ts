/** The procedures that only `status` and `explain` need; joined here until src/update has them. */
import type { RunContext } from "../update/context.ts";
import type { Explanation, StatusReport } from "./reports.ts";

export async function overview(context: RunContext): Promise<StatusReport> {
  throw new Error(`overview is not joined yet (${context.config.host})`);
}

export async function explain(container: string, context: RunContext): Promise<Explanation> {
  throw new Error(`explain is not joined yet (${context.config.host}, ${container})`);
}
