import {
  type NamespaceUser,
  namespaceParents,
  parentsFirst,
  sharedWith,
} from "../policy/namespaces.ts";
import type { RunContext } from "./context.ts";
import type { ComposeAgreement } from "./drift.ts";
import type { GateResult } from "./gate.ts";
import { type Follower, type Group, isUp, type Member } from "./group.ts";
import { presentImage } from "./image-tags.ts";
import type { MemberPlan, UpdateFacts, UpdatePlan } from "./plan.ts";
import type { Prepared } from "./prepared.ts";
import type { PulledImage } from "./pull.ts";
import { planRecreation } from "./recreation.ts";
import type { Refusal } from "./refusal.ts";
import type { Scans } from "./scan.ts";
import { takeBaseline } from "./take-baseline.ts";
import { warnOfLoss } from "./written-bytes.ts";

/**
 * The plan of an update that the gate let pass, made just before it begins: the health before it
 * is that of now. Holds when a required check cannot look, or when a container cannot be recreated
 * without losing something (`--rm`, a Swarm task). Throws IMAGE_GONE when the candidate was removed
 * meanwhile and the registry does not have it either.
 */
export async function planUpdate(
  { group, scans, gate }: Prepared,
  pulled: PulledImage,
  agreement: ComposeAgreement,
  context: RunContext,
  /** By hand a check that cannot look refuses nothing: the service may be what is broken. */
  options: { mayBeUnknown: boolean } = { mayBeUnknown: false },
): Promise<UpdatePlan | Refusal> {
  const { reference, candidate: digest } = group;
  // Only a tag has kept it until now, which `docker image prune -a` takes while other groups deploy.
  const candidate = { imageId: pulled.image.Id, reference: reference.text, digest };
  await presentImage(candidate, context.ports);
  const baseline = await takeBaseline(group, options, context);
  if (baseline.kind === "hold") return baseline;
  const kept: Replacement[] = [];
  for (const each of replacements(group, agreement)) {
    const refusals = await refusalsOf(each, pulled, context);
    const why = `${each.name} cannot be recreated safely: ${refusals.join("; ")}`;
    if (refusals.length === 0) kept.push(each);
    // What is stopped and of no further use (a one-off of compose) is nobody's loss.
    else if (isMember(each.replaced) || isUp(each.replaced)) {
      return { kind: "hold", reason: "unsupported", why };
    }
  }
  await warnOfLoss(kept, context);
  const [first, ...others] = kept.map((each) => ({
    ...planMember(each, agreement),
    attachedTo: namespaceParents(each, kept),
    baseline: baseline.reports.get(each.name) ?? null,
  }));
  if (first === undefined) throw new Error("a group has members");
  return {
    kind: "update",
    reference: reference.text,
    candidateDigest: group.candidate,
    candidateImageId: pulled.image.Id,
    facts: Object.fromEntries(
      group.members.map(({ container }) => [container, factsOf(container, scans, gate)]),
    ),
    members: [first, ...others],
  };
}

/** A member or follower, and by whom it is made again. */
interface Replacement extends NamespaceUser {
  replaced: Member | Follower;
  strategy: "compose" | "engine";
}

/**
 * All that the operation replaces, parents first. What lives with a parent that goes by the engine
 * goes by the engine too: for compose, that parent's parked container would be one too many.
 */
function replacements(group: Group, { byEngine }: ComposeAgreement): Replacement[] {
  const users = [...group.members, ...group.followers].map((replaced) => ({
    replaced,
    name: replaced.container,
    id: replaced.inspect.Id,
    sharesWith: sharedWith(replaced.inspect.HostConfig),
  }));
  const sorted: Replacement[] = [];
  for (const user of parentsFirst(users)) {
    const { replaced } = user;
    const parents = namespaceParents(user, sorted);
    const isParked = sorted.some(
      (parent) =>
        parents.includes(parent.name) &&
        parent.strategy === "engine" &&
        parent.replaced.project?.project === replaced.project?.project,
    );
    const isByEngine = byEngine.has(user.name) || isParked;
    sorted.push({ ...user, strategy: isByEngine ? "engine" : replaced.strategy });
  }
  return sorted;
}

/** Why it could not be made again as it is; compose makes its containers from files. */
async function refusalsOf(
  { replaced: each, strategy }: Replacement,
  pulled: PulledImage,
  { ports }: RunContext,
): Promise<readonly string[]> {
  const imageId = isMember(each) ? pulled.image.Id : each.inspect.Image;
  const reference = each.inspect.Config.Image;
  const target = { imageId, reference };
  if (!isMember(each) && (await ports.engine.inspectImage(reference))?.Id !== imageId) {
    return [`${reference} names another image than it was made from`];
  }
  const spec = await planRecreation(each.inspect, target, ports.engine);
  return strategy === "compose" ? spec.dropped : spec.refusals;
}

function isMember(each: Member | Follower): each is Member {
  return "mode" in each;
}

/** What the journal keeps of a member before anything is changed. */
function planMember(
  { replaced: member, strategy }: Replacement,
  agreement: ComposeAgreement,
): MemberPlan {
  return {
    role: isMember(member) ? "candidate" : "follows",
    container: member.container,
    service: member.service,
    reference: member.inspect.Config.Image,
    strategy,
    attachedTo: [],
    wasUp: isMember(member) || isUp(member),
    formerId: member.inspect.Id,
    formerImageId: member.inspect.Image,
    formerDigest: member.runningDigests[0] ?? null,
    formerDigests: member.runningDigests,
    formerInspect: member.inspect,
    project: member.project,
    configHash: agreement.hashes.get(member.container) ?? null,
    baseline: null,
    rotation: null,
    newId: null,
    deployStartedAtMs: null,
    firstHealthyAtMs: null,
  };
}

/** What is kept of the decision about one member. */
export function factsOf(
  container: string,
  scans: Scans | null,
  gate: GateResult | null,
): UpdateFacts {
  const scan = scans?.candidate.kind === "scanned" ? scans.candidate : null;
  return {
    decision: gate?.decisions.get(container) ?? null,
    databaseUpdatedAtMs: scan?.databaseUpdatedAtMs ?? null,
    scannerVersion: scan?.scannerVersion ?? null,
  };
}
