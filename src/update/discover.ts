import { groupByReference } from "../policy/groups.ts";
import type { SkipReason } from "../policy/watch.ts";
import type { ResolveResult } from "../ports.ts";
import { firstSeen } from "../state/first-seen.ts";
import { failedRollbacks, unfinishedOperations } from "../state/journal.ts";
import { isQuarantined } from "../state/quarantine.ts";
import type { State } from "../state/state.ts";
import type { Digest } from "../values/digest.ts";
import { referenceKey } from "../values/image-reference.ts";
import type { RunContext } from "./context.ts";
import { findFollowers } from "./followers.ts";
import type { Group, Member } from "./group.ts";
import type { InventoryItem } from "./inventory.ts";
import type { ContainerReport, Outcome } from "./outcome.ts";
import { registryFailureText } from "./refusal.ts";

/** What there is to do, and everything that is settled without doing anything. */
export interface Discovery {
  /** Groups whose reference resolves to something else than what runs. */
  groups: Group[];
  /** Up to date, skipped, held. */
  reports: ContainerReport[];
  /** No registry answered at all. */
  isRegistryMissing: boolean;
}

/**
 * Asks the registry for the digest behind each distinct reference, one request each, and compares
 * it with what runs. Containers that share a reference come as one group.
 */
export async function discover(
  items: readonly InventoryItem[],
  request: { names: ReadonlySet<string> | null; isByHand: boolean },
  context: RunContext,
): Promise<Discovery> {
  const wanted = withGroupMembers(items, request.names);
  const reports = wanted.flatMap((item) =>
    item.watch.kind === "skipped"
      ? [settledReport(item, { kind: "skipped", why: item.watch.why }, null)]
      : [],
  );
  const members = wanted.map((item) => toMember(item, context)).filter((each) => each !== null);
  const answers = await resolveAll(members, context);
  const groups: Group[] = [];
  for (const sharing of groupByReference(members)) {
    const answer = answers.get(referenceKey(sharing[0].reference));
    const found =
      answer === undefined ? null : judgeGroup(sharing, answer, { items, ...request }, context);
    if (found?.group != null) groups.push(found.group);
    reports.push(...(found?.reports ?? []));
  }
  const failures = [...answers.values()].filter(({ kind }) => kind !== "resolved");
  const isRegistryMissing =
    failures.length > 0 &&
    failures.length === answers.size &&
    failures.every(({ kind }) => kind === "unreachable");
  return { groups, reports, isRegistryMissing };
}

/** What decides whether a group waits, besides itself. */
interface WaitFacts {
  items: readonly InventoryItem[];
  /** A person named the container: what waits for a person goes on. */
  isByHand: boolean;
}

/** What the registry's answer means for the containers that share the reference. */
function judgeGroup(
  sharing: readonly Member[],
  answer: ResolveResult,
  facts: WaitFacts,
  context: RunContext,
): { group: Group | null; reports: ContainerReport[] } {
  if (answer.kind !== "resolved") {
    const held: Outcome = { kind: "held", reason: "registry", why: registryFailureText(answer) };
    return { group: null, reports: sharing.map((member) => settledReport(member, held, null)) };
  }
  const { digest } = answer;
  const isCurrent = (member: Member) => member.runningDigests.includes(digest);
  const current = sharing
    .filter(isCurrent)
    .map((member) => settledReport(member, { kind: "up-to-date" }, digest));
  const [first, ...others] = sharing.filter((member) => !isCurrent(member));
  if (first === undefined) return { group: null, reports: current };
  // The cool-down begins here, whatever else it waits for.
  firstSeen(context.state, referenceKey(first.reference), digest);
  const members: Group["members"] = [first, ...others];
  const waiting = whyGroupWaits(members, digest, facts, context);
  if (waiting !== null) return { group: null, reports: [...current, ...waiting] };
  const followers = findFollowers(members, facts.items, context);
  if (!("kind" in followers)) {
    const group = { reference: first.reference, candidate: digest, members, followers };
    return { group, reports: current };
  }
  const held: Outcome = { kind: "held", reason: followers.reason, why: followers.why };
  const reports = members.map((member) => settledReport(member, held, digest));
  return { group: null, reports: [...current, ...reports] };
}

/** The report of a container for which nothing was begun. */
export function settledReport(
  item: Pick<InventoryItem, "container" | "service" | "inspect" | "runningDigests">,
  outcome: Outcome,
  candidate: Digest | null,
): ContainerReport {
  return {
    container: item.container,
    service: item.service,
    reference: item.inspect.Config.Image,
    runningImageId: item.inspect.Image,
    runningDigest: item.runningDigests[0] ?? null,
    candidate,
    decision: null,
    outcome,
    phases: [],
  };
}

/** One request per distinct reference, all at once: the registry adapter bounds and paces them. */
async function resolveAll(
  members: readonly Member[],
  { ports, stop }: RunContext,
): Promise<Map<string, ResolveResult>> {
  const references = new Map(members.map(({ reference }) => [referenceKey(reference), reference]));
  const answers = await Promise.all(
    [...references].map(
      async ([key, reference]) => [key, await ports.registry.resolve(reference, stop)] as const,
    ),
  );
  return new Map(answers);
}

/** The tag that one container moves is the tag of all that share its reference. */
function withGroupMembers(
  items: readonly InventoryItem[],
  names: ReadonlySet<string> | null,
): readonly InventoryItem[] {
  if (names === null) return items;
  const keys = new Set(
    items
      .filter(({ container, reference }) => names.has(container) && reference !== null)
      .map(({ reference }) => (reference === null ? "" : referenceKey(reference))),
  );
  return items.filter(
    ({ container, reference, watch }) =>
      names.has(container) ||
      (watch.kind === "watched" && reference !== null && keys.has(referenceKey(reference))),
  );
}

/** Why no run updates it, which is no reason to refuse a person the way back. */
const MENDABLE: ReadonlySet<SkipReason> = new Set(["not-running", "excluded", "not-labelled"]);

/** The container as a member of a group; null where it is not watched or its image is gone. */
export function toMember(
  item: InventoryItem,
  context: RunContext,
  options: { forRollBack: boolean } = { forRollBack: false },
): Member | null {
  const { watch, image, reference, settings, project } = item;
  if (image === null || reference === null) return null;
  const isLetIn = options.forRollBack && watch.kind === "skipped" && MENDABLE.has(watch.reason);
  if (watch.kind === "skipped" && !isLetIn) return null;
  const wish = settings?.strategy ?? context.config.deploy.strategy;
  const byCompose = project !== null && wish !== "engine";
  return {
    ...item,
    image,
    reference,
    strategy: byCompose ? "compose" : "engine",
    mode: watch.kind === "watched" ? watch.mode : "auto",
    cooldownMs: watch.kind === "watched" ? watch.cooldownMs : 0,
  };
}

/** One member that waits makes the group wait. Null where it may go on. */
function whyGroupWaits(
  members: Group["members"],
  candidate: Digest,
  facts: WaitFacts,
  { state }: RunContext,
): ContainerReport[] | null {
  const causes = members
    .map((member) => ({ member, outcome: whyMemberWaits(member, candidate, facts, state) }))
    .filter(({ outcome }) => outcome !== null);
  const cause = causes[0];
  if (cause === undefined) return null;
  const why = `shares ${members[0].reference.text} with ${cause.member.container}, which waits`;
  return members.map((member) => {
    const own = causes.find((each) => each.member === member)?.outcome;
    return settledReport(member, own ?? { kind: "held", reason: "group", why }, candidate);
  });
}

function whyMemberWaits(
  { container, mode }: Member,
  candidate: Digest,
  { isByHand }: WaitFacts,
  state: State,
): Outcome | null {
  if (isQuarantined(state, container, candidate)) {
    const why = `This digest failed here before; \`pratique queue approve ${container} --reason …\` lets it be tried again.`;
    return { kind: "held", reason: "quarantined", why };
  }
  const unfinished = unfinishedOperations(state).some((open) =>
    open.containers.includes(container),
  );
  if (unfinished) {
    const why = "An earlier update is not cleaned up yet; see `pratique doctor`, then `recover`.";
    return { kind: "held", reason: "unsupported", why };
  }
  const isGivenUp = failedRollbacks(state).some((failed) => failed.containers.includes(container));
  if (isGivenUp && !isByHand) {
    const why = `An earlier roll back failed and waits for a person: mend it, then \`pratique recover --settle\` closes it; or \`pratique rollback container ${container}\` or \`pratique update ${container}\` settles it.`;
    return { kind: "held", reason: "rollback-failed", why };
  }
  return mode === "notify" ? { kind: "available" } : null;
}
