import type { ContainerInspect } from "../ports.ts";

/** A container, and those whose parts it uses. */
export interface NamespaceUser {
  id: string;
  name: string;
  /** Names or ids of the containers that it was made with (`sharedWith`). */
  sharesWith: readonly string[];
}

/**
 * Names or ids of the containers that must be there when this one is made, and that it loses when
 * they are replaced: the owners of its network, PID and IPC namespaces, and those it is linked to
 * on the default bridge (the engine forgets a link with its target). Volumes of another container
 * stay mounted whatever becomes of that one, so `--volumes-from NAME` is no reason to recreate;
 * where the id was written, as compose does, nothing could be made from it again, and compose
 * itself recreates it at the next `up` (its hash has the id).
 */
export function sharedWith({
  NetworkMode,
  PidMode,
  IpcMode,
  Links,
  VolumesFrom,
}: ContainerInspect["HostConfig"]): string[] {
  const owners = [NetworkMode, PidMode, IpcMode].flatMap((mode) => namespaceOwner(mode) ?? []);
  const linked = textsOf(Links).map((link) => link.split(":", 1)[0]?.replace(/^\//, "") ?? "");
  const lenders = textsOf(VolumesFrom).map((entry) => entry.split(":", 1)[0] ?? "");
  return [...new Set([...owners, ...linked, ...lenders.filter(isId)])];
}

/** The container in `container:NAME`; null for every other mode. */
export function namespaceOwner(mode: unknown): string | null {
  return typeof mode === "string" ? (/^container:(.+)$/.exec(mode)?.[1] ?? null) : null;
}

/** Whether it can only be an id, as the engine and compose write it. */
export function isId(nameOrId: string): boolean {
  return /^[0-9a-f]{12,64}$/.test(nameOrId);
}

/**
 * Containers by the name of the one that they share parts of, children of children included and
 * after their parents: they are recreated and checked with it.
 */
export function namespaceDependents(containers: readonly NamespaceUser[]): Map<string, string[]> {
  const children = new Map<string, string[]>();
  for (const container of containers) {
    for (const parent of namespaceParents(container, containers)) {
      children.set(parent, [...(children.get(parent) ?? []), container.name]);
    }
  }
  return new Map([...children.keys()].map((name) => [name, descendants(name, children)]));
}

/** Names of the containers whose parts this one uses. */
export function namespaceParents(
  { name, sharesWith }: Pick<NamespaceUser, "name" | "sharesWith">,
  containers: readonly Pick<NamespaceUser, "id" | "name">[],
): string[] {
  const parents = new Set<string>();
  for (const target of sharesWith) {
    const parent = containers.find((other) => isNamed(other, target));
    if (parent !== undefined && parent.name !== name) parents.add(parent.name);
  }
  return [...parents];
}

/** The same containers, each after those among them whose parts it uses. */
export function parentsFirst<User extends NamespaceUser>(containers: readonly User[]): User[] {
  const rest = [...containers];
  const sorted: User[] = [];
  while (rest.length > 0) {
    const ready = rest.findIndex((user) => namespaceParents(user, rest).length === 0);
    // The engine lets nobody make a circle; one of stale names has no right order.
    sorted.push(...rest.splice(Math.max(0, ready), 1));
  }
  return sorted;
}

/** Whether this is what a container is called: its name, its id or the beginning of its id. */
export function isNamed(container: Pick<NamespaceUser, "id" | "name">, nameOrId: string): boolean {
  if (container.name === nameOrId || container.id === nameOrId) return true;
  return isId(nameOrId) && container.id.startsWith(nameOrId);
}

/** Parents before children, however many ways lead to a child. */
function descendants(name: string, children: ReadonlyMap<string, readonly string[]>): string[] {
  const found: string[] = [];
  const seen = new Set([name]);
  visit(name);
  return found.toReversed();

  /** A child is noted when all that follows from it is: reversed, that is parents first. */
  function visit(parent: string): void {
    for (const child of (children.get(parent) ?? []).toReversed()) {
      if (seen.has(child)) continue;
      seen.add(child);
      visit(child);
      found.push(child);
    }
  }
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}
