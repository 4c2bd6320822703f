import type { OperationEnd } from "../state/journal.ts";
import { cleanUp } from "./clean-up.ts";
import { removeFormer } from "./commit.ts";
import type { RunContext } from "./context.ts";
import type { Operation } from "./operation.ts";

/** The last step of every operation that does not wait for a person; repeated after a crash. */
export async function finishOperation(
  operation: Operation,
  end: OperationEnd,
  context: RunContext,
): Promise<void> {
  operation.step("clean-up", null);
  await removeLeftovers(operation, end, context);
  operation.close(end);
}

/**
 * The same where every clean-up before was interrupted: closed first, so that this is the last one.
 * What is left then, the sweep of each run removes.
 */
export async function finishAtLast(
  operation: Operation,
  end: OperationEnd,
  context: RunContext,
): Promise<void> {
  operation.close(end);
  await removeLeftovers(operation, end, context);
}

async function removeLeftovers(
  operation: Operation,
  end: OperationEnd,
  context: RunContext,
): Promise<void> {
  if (end === "committed") await removeFormer(operation, context);
  await cleanUp(operation, end === "committed" ? "committed" : "not-committed", context);
}
