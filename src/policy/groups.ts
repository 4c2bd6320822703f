import type { ImageReference } from "../values/image-reference.ts";
import { referenceKey } from "../values/image-reference.ts";

/**
 * Containers that share a reference: the tag that one moves is the tag of all, so they are held,
 * updated and rolled back together. Groups and members keep the order in which they came.
 */
export function groupByReference<Member extends { reference: ImageReference }>(
  members: readonly Member[],
): [Member, ...Member[]][] {
  const groups = new Map<string, [Member, ...Member[]]>();
  for (const member of members) {
    const key = referenceKey(member.reference);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [member]);
    else group.push(member);
  }
  return [...groups.values()];
}

/** A container whose namespace may be another's. */
export interface NamespaceUser {
  id: string;
  name: string;
  /** HostConfig's NetworkMode, PidMode and IpcMode. */
  modes: readonly (string | undefined)[];
}

/**
 * Containers by the name of the one whose network, PID or IPC namespace they live in, children of
 * children included: they are recreated and checked with it. The engine stores `container:<id>`
 * of a container, or the name that was given.
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

/** Names of the containers whose namespaces this one lives in. */
export function namespaceParents(
  { name, modes }: Omit<NamespaceUser, "id">,
  containers: readonly Pick<NamespaceUser, "id" | "name">[],
): string[] {
  const parents = new Set<string>();
  for (const mode of modes) {
    const target = /^container:(.+)$/.exec(mode ?? "")?.[1];
    if (target === undefined) continue;
    const parent = containers.find((other) => isNamed(other, target));
    if (parent !== undefined && parent.name !== name) parents.add(parent.name);
  }
  return [...parents];
}

function isNamed(container: Pick<NamespaceUser, "id" | "name">, target: string): boolean {
  if (container.name === target || container.id === target) return true;
  return /^[0-9a-f]{12,64}$/.test(target) && container.id.startsWith(target);
}

function descendants(name: string, children: ReadonlyMap<string, readonly string[]>): string[] {
  const found = new Set<string>();
  const waiting = [...(children.get(name) ?? [])];
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    if (next === name || found.has(next)) continue;
    found.add(next);
    waiting.push(...(children.get(next) ?? []));
  }
  return [...found];
}
