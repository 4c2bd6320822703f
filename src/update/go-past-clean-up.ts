import { IMAGE_REFUSED } from "../errors.ts";
import {
  closeOperation,
  type OperationEnd,
  operationSteps,
  unfinishedOperations,
} from "../state/journal.ts";
import type { RunContext } from "./context.ts";
import { recordedEnd } from "./recover.ts";

/** An operation that is over and told; only its clean-up could not be done. */
export interface Uncleaned {
  id: string;
  containers: readonly string[];
  end: OperationEnd;
}

/**
 * Earlier operations of these containers that recovery, which every run begins with, could not
 * clean up. Throws IMAGE_REFUSED for one that is not over: what it does may not be gone past.
 */
export function uncleanedOf(containers: readonly string[], { state }: RunContext): Uncleaned[] {
  const open = unfinishedOperations(state).filter((operation) =>
    containers.some((container) => operation.containers.includes(container)),
  );
  return open.map(({ id, containers: names }) => {
    const end = recordedEnd(operationSteps(state, id).map(({ phase }) => phase));
    if (end !== null) return { id, containers: names, end };
    const why = `an earlier update of ${names.join(", ")} is not finished; see \`pratique doctor\`, then run \`pratique recover\`.`;
    throw IMAGE_REFUSED(containers[0] ?? "", why);
  });
}

/**
 * Gives their clean-up up, right before a new operation begins: done later, it would take away the
 * backups that the new one keeps. What lies about then, the sweep of later runs removes.
 */
export function goPastCleanUp(
  uncleaned: readonly Uncleaned[],
  { state, audit, progress }: RunContext,
): void {
  for (const { id, containers, end } of uncleaned) {
    closeOperation(state, id, end);
    audit.write({ event: "recover", operation: id, outcome: "clean-up given up" });
    const text = `${containers.join(", ")}: the clean-up of an earlier update is given up; later runs remove what it left`;
    progress({ kind: "note", text });
  }
}
