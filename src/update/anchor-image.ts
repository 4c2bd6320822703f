import type { Engine, ImageInspect, JsonObject } from "../ports.ts";
import { anchorName, OPERATION_LABEL } from "./plan.ts";

/**
 * Keeps an image through `docker image prune -a` with a container that is never started. Its
 * VOLUME paths are covered by tmpfs mounts, so that the engine makes no anonymous volumes.
 */
export async function anchorImage(
  engine: Engine,
  operationId: string,
  role: string,
  image: ImageInspect,
): Promise<void> {
  const name = anchorName(operationId, role);
  if ((await engine.inspectContainer(name)) !== null) return;
  const mounts = Object.keys(image.Config?.Volumes ?? {}).map((path) => ({
    Type: "tmpfs",
    Target: path,
  }));
  const body: JsonObject = {
    Image: image.Id,
    Entrypoint: ["pratique-anchor"],
    Cmd: [],
    Labels: { [OPERATION_LABEL]: operationId },
    Healthcheck: { Test: ["NONE"] },
    HostConfig: { NetworkMode: "none", RestartPolicy: { Name: "no" }, Mounts: mounts },
  };
  await engine.createContainer(name, body, null);
}

/** Removes the operation's anchors; absent ones are fine. */
export async function removeAnchors(engine: Engine, operationId: string): Promise<void> {
  for (const container of await engine.listContainers()) {
    const isAnchor = container.name.startsWith(anchorName(operationId, ""));
    if (isAnchor && container.labels[OPERATION_LABEL] === operationId) {
      await engine.removeContainer(container.id, { force: true });
    }
  }
}
