import { isCandidateTag } from "../policy/backup-names.ts";
import { unfinishedOperations } from "../state/journal.ts";
import type { RunContext } from "./context.ts";
import { removeIfUnused } from "./image-tags.ts";

/**
 * Removes candidates that an earlier run had pulled and could not remove, because it was
 * interrupted or the engine did not answer: no operation knows of them. Only for who holds the host
 * lock, so that nobody else's are meant.
 */
export async function sweepCandidates({ ports, state }: RunContext): Promise<void> {
  // An operation that could not be ended now still needs its own.
  if (unfinishedOperations(state).length > 0) return;
  for (const { id, tags } of await ports.engine.listImages()) {
    const left = tags.filter(isCandidateTag);
    for (const tag of left) await ports.engine.removeImage(tag);
    if (left.length > 0) await removeIfUnused(id, ports.engine);
  }
}
