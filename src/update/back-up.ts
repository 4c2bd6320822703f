import { BACKUP_FAILED } from "../errors.ts";
import { backupTag } from "../policy/backup-names.ts";
import { keptBackups, rotateBackups, type TagMove } from "../policy/retention.ts";
import type { Engine } from "../ports.ts";
import { listBackups, saveBackups } from "../state/backups.ts";
import { anchorImage } from "./anchor-image.ts";
import type { RunContext } from "./context.ts";
import { presentImage } from "./image-tags.ts";
import type { Operation } from "./operation.ts";
import { candidatesOf, type MemberPlan } from "./plan.ts";

class Verified {
  readonly #operationId: string;
  constructor(operationId: string) {
    this.#operationId = operationId;
  }
  get operationId(): string {
    return this.#operationId;
  }
}

/** Proof that every former image is tagged, anchored and read back (I4). */
export type VerifiedBackup = Verified;

/**
 * Tags what runs as `localhost/backup/<container>:backup-1` (older ones move on) and anchors both
 * images, so that not even `docker image prune -a` takes the way back or the candidate before
 * commit. Throws when the way back cannot be made; nothing in service was touched then.
 */
export async function backUp(operation: Operation, context: RunContext): Promise<VerifiedBackup> {
  const { engine } = context.ports;
  planRotations(operation, context);
  operation.savePlan();
  operation.step("back-up", null);
  await anchorBoth(operation, context);
  for (const { container, formerImageId, rotation } of candidatesOf(operation.plan)) {
    await moveTags(rotation?.moves ?? [], engine);
    saveBackups(context.state, container, rotation?.after ?? []);
    const tagged = await engine.inspectImage(backupTag(container, 1).join(":"));
    if (tagged?.Id !== formerImageId) throw BACKUP_FAILED(container);
  }
  return new Verified(operation.id);
}

function planRotations(operation: Operation, { ports, state, config }: RunContext): void {
  for (const member of candidatesOf(operation.plan)) {
    const running = {
      container: member.container,
      imageId: member.formerImageId,
      digest: member.formerDigest,
      reference: member.reference,
      createdAtMs: ports.clock.now(),
      inspect: member.formerInspect,
    };
    const before = listBackups(state, member.container);
    const { candidateImageId } = operation.plan;
    member.rotation = rotateBackups(before, running, config.backups.keep, candidateImageId);
  }
}

async function anchorBoth(operation: Operation, { ports }: RunContext): Promise<void> {
  const { plan, id } = operation;
  const { reference } = plan;
  const candidate = { imageId: plan.candidateImageId, reference, digest: plan.candidateDigest };
  await anchorImage(ports.engine, id, "candidate", await presentImage(candidate, ports));
  for (const [index, member] of plan.members.entries()) {
    const { formerImageId: imageId, formerDigest: digest } = member;
    const former = { imageId, reference: member.reference, digest };
    await anchorImage(ports.engine, id, `former-${index}`, await presentImage(former, ports));
  }
}

/**
 * Takes the rotation back, so that a failed attempt never pushes a good backup out. As soon as the
 * former image serves, because `docker image prune -a` takes the reference from an image that has a
 * backup's tag; and again in the clean-up, for an engine that did not answer then.
 */
export async function undoBackup(
  { container, rotation }: MemberPlan,
  { ports, state }: RunContext,
): Promise<void> {
  if (rotation === null) return;
  await moveTags(rotation.undo, ports.engine);
  saveBackups(state, container, rotation.before);
}

/** After commit: the backups beyond `keep` lose their tags. Returns their image ids. */
export async function dropOldBackups(
  { container, rotation }: MemberPlan,
  { ports, state }: RunContext,
): Promise<string[]> {
  if (rotation === null) return [];
  for (const { tag } of rotation.dropped) await ports.engine.removeImage(tag);
  saveBackups(state, container, keptBackups(rotation));
  return rotation.dropped.map(({ imageId }) => imageId);
}

/** An image that somebody pruned keeps its place in the record: it can be fetched by digest. */
async function moveTags(moves: readonly TagMove[], engine: Engine): Promise<void> {
  for (const { repository, tag, imageId } of moves) {
    const isPresent = imageId !== null && (await engine.inspectImage(imageId)) !== null;
    if (isPresent) await engine.tagImage(imageId, repository, tag);
    else await engine.removeImage(`${repository}:${tag}`);
  }
}
