import { candidateTag } from "../policy/backup-names.ts";
import type { Engine } from "../ports.ts";
import { removeAnchors } from "./anchor-image.ts";
import { dropOldBackups, undoBackup } from "./back-up.ts";
import type { RunContext } from "./context.ts";
import { removeIfUnused } from "./image-tags.ts";
import type { Operation } from "./operation.ts";
import { candidatesOf } from "./plan.ts";

/**
 * Removes what only the operation needed: anchors, the candidate tag, after a commit the backups
 * beyond `keep`, without one the new backup, and images that nothing uses any more. Every step can
 * be repeated.
 */
export async function cleanUp(
  operation: Operation,
  end: "committed" | "not-committed",
  context: RunContext,
): Promise<void> {
  const { engine } = context.ports;
  const { plan, id } = operation;
  await removeAnchors(engine, id);
  const superseded = new Set([plan.candidateImageId]);
  for (const member of candidatesOf(plan)) {
    await dropCandidateTag(member.container, engine);
    superseded.add(member.formerImageId);
    if (end === "not-committed") {
      await undoBackup(member, context);
      continue;
    }
    for (const imageId of await dropOldBackups(member, context)) superseded.add(imageId);
  }
  for (const imageId of superseded) await removeIfUnused(imageId, engine);
}

/** Removes a refused candidate unless something uses it: a container, another tag, a backup. */
export async function discardCandidate(
  containers: readonly string[],
  imageId: string,
  engine: Engine,
): Promise<void> {
  for (const container of containers) await dropCandidateTag(container, engine);
  await removeIfUnused(imageId, engine);
}

async function dropCandidateTag(container: string, engine: Engine): Promise<void> {
  await engine.removeImage(candidateTag(container).join(":"));
}
