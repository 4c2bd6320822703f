import type { ContainerInspect } from "../ports.ts";
import type { RunContext } from "../update/context.ts";
import { type DataMount, mountSource, sharesMount } from "./data-mount.ts";

/**
 * Another container that has a server's data mounted: of all, or of those that are meant. Never the
 * one that pratique itself runs in, which has the folders of compose projects and backups.
 */
export async function otherUser(
  inspect: ContainerInspect,
  mount: DataMount,
  { ports, vantage }: Pick<RunContext, "ports" | "vantage">,
  isMeant: (other: ContainerInspect) => boolean = () => true,
): Promise<string | null> {
  const source = mountSource(inspect, mount);
  const here = await vantage();
  const ownId = here.kind === "container" ? here.self.Id : null;
  for (const { id, name } of await ports.engine.listContainers()) {
    if (id === inspect.Id || id === ownId) continue;
    const other = await ports.engine.inspectContainer(id);
    if (other !== null && isMeant(other) && sharesMount(other, mount, source)) return name;
  }
  return null;
}
