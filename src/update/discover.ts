import { groupByReference } from "../policy/groups.ts";
import type { ResolveResult } from "../ports.ts";
import { isQuarantined } from "../state/quarantine.ts";
import type { Digest } from "../values/digest.ts";
import { referenceKey } from "../values/image-reference.ts";
import type { RunContext } from "./context.ts";
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
  request: { names: ReadonlySet<string> | null },
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
    if (answer?.kind !== "resolved") {
      const why = answer === undefined ? "not asked" : registryFailureText(answer);
      reports.push(
        ...sharing.map((m) => settledReport(m, { kind: "held", reason: "registry", why }, null)),
      );
      continue;
    }
    const { digest } = answer;
    const isCurrent = (member: Member) => member.runningDigests.includes(digest);
    const current = sharing.filter(isCurrent);
    reports.push(...current.map((member) => settledReport(member, { kind: "up-to-date" }, digest)));
    const [first, ...others] = sharing.filter((member) => !isCurrent(member));
    if (first === undefined) continue;
    const group: Group = {
      reference: first.reference,
      candidate: digest,
      members: [first, ...others],
    };
    const hold = whyGroupWaits(group, context);
    if (hold === null) groups.push(group);
    else reports.push(...hold);
  }
  const failures = [...answers.values()].filter(({ kind }) => kind !== "resolved");
  const isRegistryMissing =
    failures.length > 0 &&
    failures.length === answers.size &&
    failures.every(({ kind }) => kind === "unreachable");
  return { groups, reports, isRegistryMissing };
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

/** The container as a member of a group; null where it is not watched or its image is gone. */
export function toMember(item: InventoryItem, context: RunContext): Member | null {
  const { watch, image, reference, settings, project } = item;
  if (watch.kind !== "watched" || image === null || reference === null) return null;
  const wish = settings?.strategy ?? context.config.deploy.strategy;
  const byCompose = project !== null && wish !== "engine";
  return {
    ...item,
    image,
    reference,
    strategy: byCompose ? "compose" : "engine",
    mode: watch.mode,
    cooldownMs: watch.cooldownMs,
  };
}

/** One held member holds the group. */
function whyGroupWaits(group: Group, { state }: RunContext): ContainerReport[] | null {
  const { members, candidate } = group;
  const notify = members.find(({ mode }) => mode === "notify");
  const quarantined = members.find(({ container }) => isQuarantined(state, container, candidate));
  const cause = quarantined ?? notify;
  if (cause === undefined) return null;
  return members.map((member) => settledReport(member, outcomeFor(member), candidate));

  function outcomeFor(member: Member): Outcome {
    if (member !== cause) {
      const why = `shares ${group.reference.text} with ${cause?.container}, which waits`;
      return { kind: "held", reason: "group", why };
    }
    if (cause === quarantined) {
      const why = `This digest failed here before; \`pratique queue approve ${member.container} --reason …\` lets it be tried again.`;
      return { kind: "held", reason: "quarantined", why };
    }
    return { kind: "available" };
  }
}
