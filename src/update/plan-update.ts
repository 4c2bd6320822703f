import { namespaceParents, parentsFirst, sharedWith } from "../policy/namespaces.ts";
import type { RunContext } from "./context.ts";
import type { ComposeAgreement } from "./drift.ts";
import type { GateResult } from "./gate.ts";
import { type Follower, isUp, type Member } from "./group.ts";
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
 * without losing something (`--rm`, a Swarm task).
 */
export async function planUpdate(
  { group, scans, gate }: Prepared,
  pulled: PulledImage,
  agreement: ComposeAgreement,
  context: RunContext,
  /** By hand a check that cannot look refuses nothing: the service may be what is broken. */
  options: { mayBeUnknown: boolean } = { mayBeUnknown: false },
): Promise<UpdatePlan | Refusal> {
  const baseline = await takeBaseline(group, options, context);
  if (baseline.kind === "hold") return baseline;
  const { reference } = group;
  const all = parentsFirst([...group.members, ...group.followers].map(toUser)).map(
    ({ replaced }) => replaced,
  );
  const kept: (Member | Follower)[] = [];
  for (const each of all) {
    const refusals = await refusalsOf(each, pulled, agreement, context);
    const why = `${each.container} cannot be recreated safely: ${refusals.join("; ")}`;
    if (refusals.length === 0) kept.push(each);
    // What is stopped and of no further use (a one-off of compose) is nobody's loss.
    else if (isMember(each) || isUp(each)) return { kind: "hold", reason: "unsupported", why };
  }
  await warnOfLoss(
    kept.map(({ container, inspect }) => ({ container, id: inspect.Id })),
    context,
  );
  const users = kept.map(toUser);
  const [first, ...others] = kept.map((each) => ({
    ...planMember(each, agreement),
    attachedTo: namespaceParents(toUser(each), users),
    baseline: baseline.reports.get(each.container) ?? null,
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

/** Why it could not be made again as it is; compose makes its containers from files. */
async function refusalsOf(
  each: Member | Follower,
  pulled: PulledImage,
  agreement: ComposeAgreement,
  { ports }: RunContext,
): Promise<readonly string[]> {
  const imageId = isMember(each) ? pulled.image.Id : each.inspect.Image;
  const reference = each.inspect.Config.Image;
  const target = { imageId, reference };
  if (!isMember(each) && (await ports.engine.inspectImage(reference))?.Id !== imageId) {
    return [`${reference} names another image than it was made from`];
  }
  const spec = await planRecreation(each.inspect, target, ports.engine);
  return strategyOf(each, agreement) === "compose" ? spec.dropped : spec.refusals;
}

function isMember(each: Member | Follower): each is Member {
  return "mode" in each;
}

function strategyOf(each: Member | Follower, { byEngine }: ComposeAgreement) {
  return byEngine.has(each.container) ? "engine" : each.strategy;
}

function toUser<Each extends Member | Follower>(replaced: Each) {
  const { container: name, inspect } = replaced;
  return { replaced, name, id: inspect.Id, sharesWith: sharedWith(inspect.HostConfig) };
}

/** What the journal keeps of a member before anything is changed. */
function planMember(member: Member | Follower, agreement: ComposeAgreement): MemberPlan {
  return {
    role: isMember(member) ? "candidate" : "follows",
    container: member.container,
    service: member.service,
    reference: member.inspect.Config.Image,
    strategy: strategyOf(member, agreement),
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
