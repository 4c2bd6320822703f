import type { ContainerInspect } from "../ports.ts";
import type { RunContext } from "../update/context.ts";
import { type DataMount, mountSource, sharesMount } from "./data-mount.ts";

/** Another container that has a server's data mounted: of all, or of those that are meant. */
export async function otherUser(
  inspect: ContainerInspect,
  mount: DataMount,
  { ports }: Pick<RunContext, "ports">,
  isMeant: (other: ContainerInspect) => boolean = () => true,
): Promise<string | null> {
  const source = mountSource(inspect, mount);
  for (const { id, name } of await ports.engine.listContainers()) {
    if (id === inspect.Id) continue;
    const other = await ports.engine.inspectContainer(id);
    if (other !== null && isMeant(other) && sharesMount(other, mount, source)) return name;
  }
  return null;
}
