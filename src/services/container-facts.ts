import type { ContainerInspect } from "../ports.ts";

export interface ContainerFacts {
  /** The container's environment; values may be secrets. */
  variables: ReadonlyMap<string, string>;
  exposedTcpPorts: readonly number[];
}

/** What a container's own configuration says about how to talk to it. */
export function containerFacts(container: ContainerInspect): ContainerFacts {
  const variables = new Map(
    (container.Config.Env ?? []).map((entry) => {
      const at = entry.indexOf("=");
      return at < 0 ? [entry, ""] : [entry.slice(0, at), entry.slice(at + 1)];
    }),
  );
  const exposedTcpPorts = Object.keys(container.Config.ExposedPorts ?? {})
    .filter((key) => key.endsWith("/tcp"))
    .map((key) => Number.parseInt(key, 10));
  return { variables, exposedTcpPorts };
}
