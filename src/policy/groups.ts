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
