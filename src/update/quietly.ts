import { OperatorError } from "../errors.ts";
import type { RunContext } from "./context.ts";

/** Work whose failure is noted and changes no outcome. Bugs are thrown on. */
export async function quietly(context: RunContext, work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    context.progress({ kind: "note", text: error.message });
    context.audit.write({ event: "note", outcome: error.message });
    return false;
  }
}
