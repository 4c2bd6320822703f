import type { ContainerInspect, JsonObject } from "../ports.ts";

/** The mount that the data directory lies on. */
export interface DataMount {
  type: "bind" | "volume";
  /** Volume name, or folder on the engine's host. */
  source: string;
  target: string;
  /** `data_directory` of the server. */
  dataDirectory: string;
}

/** Where the data lies; a sentence where that is not safe. */
export function findDataMount(
  container: ContainerInspect,
  dataDirectory: string,
): DataMount | { why: string } {
  const mounts = (container.Mounts ?? [])
    .map((mount) => ({ mount, target: String(mount.Destination ?? "") }))
    .filter(({ target }) => isWithin(dataDirectory, target))
    .toSorted((left, right) => right.target.length - left.target.length);
  const [nearest] = mounts;
  if (nearest === undefined) {
    return {
      why: `its data directory ${dataDirectory} lies in the container itself and would be lost with it; move it to a volume first`,
    };
  }
  const { mount, target } = nearest;
  const type = String(mount.Type ?? "");
  if (type !== "bind" && type !== "volume") {
    return {
      why: `its data directory ${dataDirectory} lies on a ${type} mount, which does not last`,
    };
  }
  const source = String((type === "volume" ? mount.Name : mount.Source) ?? "");
  return { type, source, target, dataDirectory };
}

/** Whether another container has the same place mounted so that a server could run on it. */
export function sharesMount(other: ContainerInspect, mount: DataMount, hostPath: string): boolean {
  return (other.Mounts ?? []).some((theirs) => {
    if (theirs.RW === false) return false;
    if (mount.type === "volume" && theirs.Type === "volume") return theirs.Name === mount.source;
    const source = String(theirs.Source ?? "");
    if (theirs.Type !== "bind" || source === "" || hostPath === "") return false;
    return isWithin(hostPath, source) ? source !== "/" : isWithin(source, hostPath);
  });
}

/** The mount's own folder on the engine's host; empty where the engine does not say. */
export function mountSource(container: ContainerInspect, { target }: DataMount): string {
  const mount = (container.Mounts ?? []).find(({ Destination }) => Destination === target);
  return String(mount?.Source ?? "");
}

/** The mount as a container specification has it. */
export function mountSpec(mount: DataMount, isReadOnly: boolean): JsonObject {
  return { Type: mount.type, Source: mount.source, Target: mount.target, ReadOnly: isReadOnly };
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith("/") ? folder : `${folder}/`);
}
