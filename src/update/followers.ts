import { isId, namespaceDependents, parentsFirst, sharedWith } from "../policy/namespaces.ts";
import { isPostgres } from "../postgres/servers.ts";
import { failedRollbacks, unfinishedOperations } from "../state/journal.ts";
import { referenceKey } from "../values/image-reference.ts";
import type { RunContext } from "./context.ts";
import { type Follower, isUp, type Member } from "./group.ts";
import type { InventoryItem } from "./inventory.ts";
import type { Refusal } from "./refusal.ts";

/**
 * The containers that live in these members' network, PID or IPC namespaces, or are linked to
 * them: whatever replaces the members cuts them off, so they are part of the same update. Parents
 * first. Holds where one of them must not be stopped and made again by pratique.
 */
export function findFollowers(
  members: readonly Member[],
  items: readonly InventoryItem[],
  context: RunContext,
): Follower[] | Refusal {
  const found = followingItems(members, items);
  const isDatabase = members.some(({ settings, inspect }) =>
    isPostgres(settings, inspect.Config.Image),
  );
  if (found.length > 0 && isDatabase) {
    const names = found.map(({ container }) => container).join(", ");
    return hold(
      `${names} would be cut off from their PostgreSQL server, whose update has no place for them yet. Update them together by hand.`,
    );
  }
  const followers: Follower[] = [];
  for (const item of found) {
    const why = whyNot(item, { members, others: [...members, ...found] }, context);
    if (why !== null) return hold(`${item.container} is recreated with it, but ${why}`);
    if (item.image === null) continue;
    followers.push({
      container: item.container,
      service: item.service,
      settings: item.settings,
      inspect: item.inspect,
      image: item.image,
      runningDigests: item.runningDigests,
      project: item.project,
      strategy: strategyFor(item, items, context),
      isWatched: item.watch.kind === "watched",
    });
  }
  return followers;
}

/** Their names alone, for those who only tell. */
export function followerNames(
  container: string,
  items: readonly Pick<InventoryItem, "container" | "inspect">[],
): string[] {
  return namespaceDependents(items.map(toUser)).get(container) ?? [];
}

function followingItems(
  members: readonly Member[],
  items: readonly InventoryItem[],
): InventoryItem[] {
  const dependents = namespaceDependents(items.map(toUser));
  const names = new Set(members.flatMap(({ container }) => dependents.get(container) ?? []));
  for (const { container } of members) names.delete(container);
  const users = items.filter(({ container }) => names.has(container)).map(toUser);
  return parentsFirst(users).map(({ item }) => item);
}

function toUser<Item extends Pick<InventoryItem, "container" | "inspect">>(item: Item) {
  const { container: name, inspect } = item;
  return { item, name, id: inspect.Id, sharesWith: sharedWith(inspect.HostConfig) };
}

function whyNot(
  item: InventoryItem,
  {
    members,
    others,
  }: {
    members: readonly Member[];
    others: readonly Pick<InventoryItem, "container" | "reference" | "inspect">[];
  },
  { state }: RunContext,
): string | null {
  const { container, inspect, reference, settings } = item;
  if (item.isOwn) {
    return "pratique needs it to work: update both by hand.";
  }
  if (item.image === null) return "its image is gone: nothing could bring it back.";
  if (inspect.State.Paused) return "it is paused: unpause or stop it first.";
  if (isPostgres(settings, inspect.Config.Image)) {
    return "it is a PostgreSQL server, which only its own update stops. Update them by hand.";
  }
  // Whether one that a member was part of too may be gone past is known of the member already.
  const isOpen = [...unfinishedOperations(state), ...failedRollbacks(state)].some(
    ({ containers }) =>
      containers.includes(container) &&
      !members.some((member) => containers.includes(member.container)),
  );
  if (isOpen) return "an earlier update of it waits for a person; see `pratique doctor`.";
  const rival = others.find(
    (other) =>
      reference !== null &&
      other.reference !== null &&
      referenceKey(other.reference) === referenceKey(reference) &&
      other.inspect.Image !== inspect.Image,
  );
  if (rival === undefined) return null;
  return `it and ${rival.container} run different images of ${inspect.Config.Image}: one tag cannot name both. Recreate it first.`;
}

/**
 * By compose only what compose itself attaches (`network_mode: service:vpn`): it writes the id of
 * its own project's container, which its hash includes. It would start what is stopped.
 */
function strategyFor(
  item: InventoryItem,
  items: readonly InventoryItem[],
  { config }: RunContext,
): "compose" | "engine" {
  const { project, settings, inspect } = item;
  const wish = settings?.strategy ?? config.deploy.strategy;
  if (project === null || wish === "engine" || !isUp(item)) return "engine";
  const ids = sharedWith(inspect.HostConfig).filter(isId);
  const isOfProject = items.some(
    (other) => ids.includes(other.inspect.Id) && other.project?.project === project.project,
  );
  return isOfProject ? "compose" : "engine";
}

function hold(why: string): Refusal {
  return { kind: "hold", reason: "unsupported", why };
}
