import { type DependencyFacts, dependenciesOf } from "../policy/dependencies.ts";
import { sharedWith } from "../policy/namespaces.ts";
import { type Ordered, orderContainers, orderGroups, type Rank } from "../policy/order.ts";
import { ownLabels } from "../policy/watch.ts";
import { choosePreset } from "../services/catalog.ts";
import type { RunContext } from "./context.ts";
import type { Member } from "./group.ts";
import type { InventoryItem } from "./inventory.ts";
import type { Prepared } from "./prepared.ts";

/**
 * Groups in the order in which they are deployed: dependencies before dependents, ordinary before
 * critical, then DNS, the scanner and the notifier. Groups on a dependency cycle come first and
 * are held: there is no right order for them.
 */
export function inDeploymentOrder(
  prepared: readonly Prepared[],
  items: readonly InventoryItem[],
  context: RunContext,
): Prepared[] {
  const ordered = items.map((item) => toOrdered(item, items, context));
  const { cycles } = orderContainers(ordered);
  const byLeader = new Map(prepared.map((each) => [each.group.members[0].container, each]));
  const sorted = orderGroups<Member>(
    prepared.map(({ group }) => group.members),
    ordered,
  );
  return sorted.flatMap((members) => {
    const each = members
      .map(({ container }) => byLeader.get(container))
      .find((found) => found !== undefined);
    if (each === undefined) return [];
    const cycle = cycles.find((names) =>
      members.some(({ container }) => names.includes(container)),
    );
    const group = { ...each.group, members };
    return [cycle === undefined ? { ...each, group } : held({ ...each, group }, cycle)];
  });
}

function held(prepared: Prepared, cycle: readonly string[]): Prepared {
  const names = [...cycle, cycle[0]].join(" → ");
  const why = `It depends on itself: ${names}. Remove one of these dependencies.`;
  return { ...prepared, end: { kind: "hold", reason: "unsupported", why } };
}

function toOrdered(
  item: InventoryItem,
  items: readonly InventoryItem[],
  context: RunContext,
): Ordered {
  const facts = items.map(toFacts);
  return {
    name: item.container,
    dependsOn: dependenciesOf(toFacts(item), facts),
    rank: rankOf(item, context),
  };
}

function toFacts(item: InventoryItem): DependencyFacts {
  const labels = item.inspect.Config.Labels ?? {};
  const imageLabels = item.image?.Config?.Labels ?? {};
  return {
    id: item.inspect.Id,
    name: item.container,
    service: item.service,
    sharesWith: sharedWith(item.inspect.HostConfig),
    labels: ownLabels({ labels, imageLabels }),
    dependsOn: item.settings?.dependsOn ?? [],
  };
}

/** The scanner and the notifier come last: the rest of the run needs them as they are. */
function rankOf(item: InventoryItem, { config }: RunContext): Rank {
  const { preset } = choosePreset(item.settings?.check ?? null, item.inspect.Config.Image);
  if (preset.name === "ntfy" || isHostOf(config.notify.ntfy?.url, item)) return "notifier";
  if (preset.name === "trivy" || isHostOf(config.scanner.server, item)) return "scanner";
  if (preset.name === "pihole") return "dns";
  const { critical } = config;
  const isCritical = critical.includes(item.service) || critical.includes(item.container);
  return isCritical ? "critical" : "ordinary";
}

function isHostOf(url: string | null | undefined, { container }: InventoryItem): boolean {
  return url !== null && url !== undefined && URL.parse(url)?.hostname === container;
}
