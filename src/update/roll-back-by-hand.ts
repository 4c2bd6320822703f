import { BACKUP_UNKNOWN, CONTAINER_NOT_UPDATABLE, IMAGE_REFUSED } from "../errors.ts";
import type { Decision } from "../policy/decision.ts";
import { blockersText, comparisonText } from "../policy/decision-text.ts";
import type { ImageInspect } from "../ports.ts";
import { isPostgresGroup, preflight } from "../postgres/preflight.ts";
import { runPostgresUpdate } from "../postgres/run-postgres-update.ts";
import { listBackups } from "../state/backups.ts";
import { listUpdates } from "../state/updates.ts";
import { type Digest, shortDigest } from "../values/digest.ts";
import {
  type ImageReference,
  parseImageReference,
  referenceKey,
} from "../values/image-reference.ts";
import { discardCandidate } from "./clean-up.ts";
import type { RunContext } from "./context.ts";
import { toMember } from "./discover.ts";
import { type ComposeAgreement, findDrift } from "./drift.ts";
import { findFollowers } from "./followers.ts";
import { type ApprovedImage, approveFormer, gate, isPass } from "./gate.ts";
import { goPastCleanUp, uncleanedOf } from "./go-past-clean-up.ts";
import type { Group, Member } from "./group.ts";
import { presentImage } from "./image-tags.ts";
import { type InventoryItem, takeInventory } from "./inventory.ts";
import type { RunReport } from "./outcome.ts";
import { planUpdate } from "./plan-update.ts";
import type { Prepared } from "./prepared.ts";
import { pull } from "./pull.ts";
import { type Refusal, registryFailureText } from "./refusal.ts";
import { asRun } from "./run.ts";
import { containerNamed } from "./run-cycle.ts";
import { runUpdate } from "./run-update.ts";
import { scan } from "./scan.ts";
import { Steps } from "./steps.ts";

export interface RollBackRequest {
  container: string;
  /** Backup number (1 is the newest), or an image: reference, digest reference or id. */
  to: number | string;
  waitLockMs: number;
}

/** The image to go back to, and why it may run. */
interface Target {
  image: ImageInspect;
  digest: Digest | null;
  approved: ApprovedImage;
}

/**
 * Back to a former image by the same procedure as an update: journalled, health-gated, reversible.
 * The image that is left becomes a backup and its digest is quarantined, so that the next run does
 * not bring it back. An image that never ran here passes scan and gate first.
 */
export async function rollBackByHand(
  request: RollBackRequest,
  context: RunContext,
): Promise<RunReport> {
  const frame = { kind: "rollback" as const, dryRun: false, waitLockMs: request.waitLockMs };
  return await asRun(frame, context, async (runId) => {
    const items = await takeInventory(context);
    const members = sharingMembers(containerNamed(request.container, items), items, context);
    const target = await findTarget(request, members, context);
    const candidate = target.digest ?? (target.image.Id as Digest);
    const followers = findFollowers(members, items, context);
    if ("kind" in followers) throw IMAGE_REFUSED(request.container, followers.why);
    const group: Group = { reference: members[0].reference, candidate, members, followers };
    const names = [...members, ...followers].map(({ container }) => container);
    const uncleaned = uncleanedOf(names, context);
    const steps = new Steps(group, runId, context);
    const prepared: Prepared = {
      group,
      steps,
      scans: null,
      gate: null,
      pulled: null,
      end: { kind: "would-update" },
    };
    if (members.every(({ inspect }) => inspect.Image === target.image.Id)) {
      throw IMAGE_REFUSED(request.container, "it runs this image already.");
    }
    const agreement = await agreementFor(group, context);
    if (agreement.kind === "hold") return await refuse(agreement);
    const pulled = { kind: "pulled" as const, image: target.image, wasPresent: true };
    const plan = await planUpdate(prepared, pulled, agreement, context, { mayBeUnknown: true });
    if (plan.kind === "hold") return await refuse(plan);
    const ready = {
      plan: { ...plan, kind: "rollback" as const, candidateDigest: target.digest },
      approved: target.approved,
      steps,
    };
    // A database server goes back as it is updated: with dump, cold copy and stopped dependents.
    const postgres = isPostgresGroup(group) ? await preflight(group, pulled, context) : null;
    if (postgres !== null && "kind" in postgres) return await refuse(postgres);
    goPastCleanUp(uncleaned, context);
    const containers =
      postgres === null
        ? await runUpdate(ready, runId, context)
        : await runPostgresUpdate({ ...ready, plan: { ...ready.plan, postgres } }, runId, context);
    return { containers, isEnvironmentMissing: false };

    /** What was fetched for it goes again. */
    async function refuse({ why }: Refusal): Promise<never> {
      await discardCandidate([members[0].container], target.image.Id, context.ports.engine);
      throw IMAGE_REFUSED(request.container, why);
    }
  });
}

/**
 * What is down or in a crash loop goes back whatever the files say by now: it is made again by the
 * engine, from what it was.
 */
async function agreementFor(
  group: Group,
  context: RunContext,
): Promise<ComposeAgreement | Refusal> {
  // The engine calls a container running, too, that waits for its next start.
  const isDown = group.members.some(({ inspect: { State } }) => !State.Running || State.Restarting);
  if (!isDown) return await findDrift(group, { dryRun: false }, context);
  const all = [...group.members, ...group.followers];
  const byEngine = new Set(all.map(({ container }) => container));
  return { kind: "agrees", hashes: new Map(), byEngine };
}

/** The tag that this container goes back to is the tag of all that share its reference. */
function sharingMembers(
  item: InventoryItem,
  items: readonly InventoryItem[],
  context: RunContext,
): [Member, ...Member[]] {
  const member = toMember(item, context, { forRollBack: true });
  if (member === null) {
    const why = item.watch.kind === "skipped" ? item.watch.why : "its image is gone";
    throw CONTAINER_NOT_UPDATABLE(item.container, why);
  }
  const key = referenceKey(member.reference);
  const others = items
    .filter(({ container }) => container !== item.container)
    .map((other) => toMember(other, context))
    .filter((other) => other !== null && referenceKey(other.reference) === key);
  return [member, ...others.filter((other) => other !== null)];
}

async function findTarget(
  { container, to }: RollBackRequest,
  members: [Member, ...Member[]],
  context: RunContext,
): Promise<Target> {
  const name = members[0].container;
  const backups = listBackups(context.state, name);
  const byNumber = typeof to === "number" ? backups.find(({ slot }) => slot === to) : undefined;
  const byName = backups.find(({ imageId, tag, digest }) =>
    [imageId, tag, digest, shortDigest(imageId)].includes(String(to)),
  );
  const backup = byNumber ?? byName;
  if (backup !== undefined) {
    const image = await presentImage(backup, context.ports);
    return { image, digest: backup.digest, approved: approveFormer(backup.digest) };
  }
  if (typeof to === "number") throw BACKUP_UNKNOWN(container, to, backups.length);
  const present = await context.ports.engine.inspectImage(to);
  const ranHere = present === null ? undefined : formerRun(name, present.Id, context);
  if (present !== null && ranHere !== undefined) {
    return { image: present, digest: ranHere, approved: approveFormer(ranHere) };
  }
  return await gatedTarget(to, members, context);
}

/** Its digest (null where none was recorded) when this image ran here before; else undefined. */
function formerRun(
  container: string,
  imageId: string,
  { state }: RunContext,
): Digest | null | undefined {
  const updates = listUpdates(state, { container, limit: 1000 });
  const from = updates.find((update) => update.from.imageId === imageId);
  if (from !== undefined) return from.from.digest;
  return updates.find(
    (update) => update.outcome.kind === "updated" && update.to.imageId === imageId,
  )?.to.digest;
}

/** An image that never ran here goes through pull, scan and gate as any candidate. */
async function gatedTarget(
  to: string,
  members: [Member, ...Member[]],
  context: RunContext,
): Promise<Target> {
  const { container } = members[0];
  const reference = parseImageReference(to);
  if (reference === null) throw IMAGE_REFUSED(container, `${to} is no image reference`);
  const digest = reference.digest ?? (await resolved(reference, container, context));
  const group: Group = { reference, candidate: digest, members, followers: [] };
  const pulled = await pull(group, context);
  if (pulled.kind === "hold") throw IMAGE_REFUSED(container, pulled.why);
  const decided = gate(group, await scan(group, context), context);
  if (decided.approved === null) {
    await discardCandidate([container], pulled.image.Id, context.ports.engine);
    throw IMAGE_REFUSED(container, refusalText([...decided.decisions.values()]));
  }
  return { image: pulled.image, digest, approved: decided.approved };
}

/** What the gate said, with the findings and the comparison when it blocks. */
function refusalText(decisions: readonly Decision[]): string {
  const refused = decisions.find((decision) => !isPass(decision));
  if (refused?.kind === "hold") return refused.why;
  if (refused?.kind !== "block") return "the gate refuses it";
  const { blockers, comparison } = refused;
  const compared = comparison === null ? "" : ` (${comparisonText(comparison)})`;
  return `the gate blocks it: ${blockersText(blockers)}${compared}`;
}

async function resolved(
  reference: ImageReference,
  container: string,
  { ports, stop }: RunContext,
): Promise<Digest> {
  const answer = await ports.registry.resolve(reference, stop);
  if (answer.kind === "resolved") return answer.digest;
  throw IMAGE_REFUSED(container, registryFailureText(answer));
}
