/** Lower ranks are deployed first, as far as dependencies allow. */
export const RANKS = ["ordinary", "critical", "dns", "scanner", "notifier"] as const;

export type Rank = (typeof RANKS)[number];

/** What the order of deployment is decided from. */
export interface Ordered {
  name: string;
  /** Names of the containers that must be updated and healthy before this one. */
  dependsOn: readonly string[];
  rank: Rank;
}

export interface Order {
  /** Names, dependencies before dependents; those on a cycle are left out. */
  order: string[];
  /** Each cycle in the order of its dependencies: `a` depends on `b` depends on … `a`. */
  cycles: string[][];
}

/**
 * Dependencies before dependents; among what may go next, ordinary services before critical ones,
 * then DNS, the scanner and the notifier; then by name. Give it all containers, also those that
 * are not updated: an order through them holds too. Containers on a dependency cycle are named,
 * not ordered: there is no right order for them.
 */
export function orderContainers(containers: readonly Ordered[]): Order {
  const cycles = findCycles(containers);
  const onCycle = new Set(cycles.flat());
  const free = containers.filter(({ name }) => !onCycle.has(name));
  return { order: sortByDependencies(free), cycles };
}

/**
 * Orders groups by what their members depend on. A group is deployed as one; where two groups
 * depend on each other through different members, no order satisfies both and the one whose
 * member comes first goes first.
 */
export function orderGroups<Member extends { container: string }>(
  groups: readonly (readonly [Member, ...Member[]])[],
  containers: readonly Ordered[],
): (readonly [Member, ...Member[]])[] {
  const position = new Map(orderContainers(containers).order.map((name, index) => [name, index]));
  const placeOf = ({ container }: Member) => position.get(container) ?? Number.MAX_SAFE_INTEGER;
  const sorted = groups.map(
    (group) =>
      [...group].sort((left, right) => placeOf(left) - placeOf(right)) as [Member, ...Member[]],
  );
  const nodes = toGroupNodes(sorted, containers);
  const rest = new Map(nodes.map((node) => [node.name, node]));
  const ordered: (readonly [Member, ...Member[]])[] = [];
  while (rest.size > 0) {
    const waiting = [...rest.values()];
    const ready = waiting.filter((node) => node.dependsOn.every((name) => !rest.has(name)));
    const next = first(ready.length > 0 ? ready : waiting, (left, right) => {
      const byRank = RANKS.indexOf(left.rank) - RANKS.indexOf(right.rank);
      return byRank || placeOf(left.group[0]) - placeOf(right.group[0]);
    });
    rest.delete(next.name);
    ordered.push(next.group);
  }
  return ordered;
}

interface GroupNode<Member> extends Ordered {
  group: readonly [Member, ...Member[]];
}

/** A group depends on what any member depends on, directly or through containers outside. */
function toGroupNodes<Member extends { container: string }>(
  groups: readonly (readonly [Member, ...Member[]])[],
  containers: readonly Ordered[],
): GroupNode<Member>[] {
  const byName = new Map(containers.map((container) => [container.name, container]));
  const groupOf = new Map<string, string>();
  for (const group of groups) {
    for (const { container } of group) groupOf.set(container, group[0].container);
  }
  return groups.map((group) => {
    const name = group[0].container;
    const reached = group.flatMap(({ container }) => [...reachable(container, byName)]);
    const dependsOn = new Set(reached.map((other) => groupOf.get(other)));
    dependsOn.delete(name);
    const ranks = group.map(({ container }) =>
      RANKS.indexOf(byName.get(container)?.rank ?? "ordinary"),
    );
    return {
      name,
      group,
      dependsOn: [...dependsOn].filter((other) => other !== undefined),
      rank: RANKS[Math.max(...ranks)] ?? "ordinary",
    };
  });
}

function sortByDependencies(containers: readonly Ordered[]): string[] {
  const rest = new Map(containers.map((container) => [container.name, container]));
  const order: string[] = [];
  while (rest.size > 0) {
    const ready = [...rest.values()].filter(({ dependsOn, name }) =>
      dependsOn.every((other) => other === name || !rest.has(other)),
    );
    const next = first(ready, byRankThenName);
    rest.delete(next.name);
    order.push(next.name);
  }
  return order;
}

function byRankThenName(left: Ordered, right: Ordered): number {
  const byRank = RANKS.indexOf(left.rank) - RANKS.indexOf(right.rank);
  return byRank || (left.name < right.name ? -1 : 1);
}

function first<Item>(items: readonly Item[], compare: (left: Item, right: Item) => number): Item {
  return items.reduce((best, item) => (compare(item, best) < 0 ? item : best));
}

/** Each container that can reach itself, with the shortest way back; a cycle is named once. */
function findCycles(containers: readonly Ordered[]): string[][] {
  const byName = new Map(containers.map((container) => [container.name, container]));
  const cycles: string[][] = [];
  const named = new Set<string>();
  for (const { name } of [...containers].sort(byRankThenName)) {
    if (named.has(name)) continue;
    const cycle = shortestCycle(name, byName);
    if (cycle === null) continue;
    cycles.push(cycle);
    for (const member of cycle) named.add(member);
  }
  return cycles;
}

/** Breadth first from a container back to itself. A container that names itself is no cycle. */
function shortestCycle(start: string, byName: ReadonlyMap<string, Ordered>): string[] | null {
  const cameFrom = new Map<string, string>();
  const waiting = [start];
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
    for (const next of byName.get(name)?.dependsOn ?? []) {
      if (next === start && name !== start) return wayBack(start, name, cameFrom);
      if (next === start || cameFrom.has(next) || !byName.has(next)) continue;
      cameFrom.set(next, name);
      waiting.push(next);
    }
  }
  return null;
}

function wayBack(start: string, last: string, cameFrom: ReadonlyMap<string, string>): string[] {
  const cycle: string[] = [];
  for (let name: string | undefined = last; name !== undefined; name = cameFrom.get(name)) {
    cycle.unshift(name);
    if (name === start) break;
  }
  return cycle[0] === start ? cycle : [start, ...cycle];
}

function reachable(start: string, byName: ReadonlyMap<string, Ordered>): Set<string> {
  const found = new Set<string>();
  const waiting = [start];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    for (const next of byName.get(name)?.dependsOn ?? []) {
      if (found.has(next) || !byName.has(next)) continue;
      found.add(next);
      waiting.push(next);
    }
  }
  return found;
}
