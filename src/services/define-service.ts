import type { CheckName } from "../config/names.ts";
import { publishes } from "./address.ts";
import { type Check, type CheckContext, containerName } from "./checks/check.ts";
import { containerFacts } from "./container-facts.ts";
import { endpointOfUrl } from "./locate.ts";

/** What pratique knows of one product. */
export interface ServiceDefinition {
  name: CheckName;
  /** Whether an image repository (`library/postgres`, `immich-app/immich-server`) is this product. */
  matches(repository: string): boolean;
  /** Asked by `health`, before an update and after it. They leave nothing behind. */
  routine(context: CheckContext): readonly Check[];
  /** Asked once after an update, when the routine ones have passed. */
  deep(context: CheckContext): readonly Check[];
  /** Deadline where the configuration names none; null: `health.timeout`. */
  timeoutMs: number | null;
}

/** A preset with the parts that most have filled in. */
export function defineService(
  definition: Pick<ServiceDefinition, "name" | "matches" | "routine"> & Partial<ServiceDefinition>,
): ServiceDefinition {
  return { deep: () => [], timeoutMs: null, ...definition };
}

/** Matches the last part of a repository: `owner/app` and `library/app` are both `app`. */
export function namedLike(pattern: RegExp): (repository: string) => boolean {
  return (repository) => pattern.test(repository.slice(repository.lastIndexOf("/") + 1));
}

export interface PortSources {
  /** Where the product listens when nothing says otherwise. */
  port: number;
  /** Variables of the container that move it: `8080` or `0.0.0.0:8080`. */
  env?: readonly string[];
}

/**
 * The base address of a service without a trailing slash: `url` of the configuration, else the
 * container by name with the port it listens on.
 */
export function baseUrl(context: CheckContext, sources: PortSources): string {
  if (context.settings.url !== null) return context.settings.url.replace(/\/+$/, "");
  return `http://${containerName(context.container)}:${listenPort(context, sources)}`;
}

/** Whether an address of the configuration (ntfy, Trivy) is the container under check. */
export function isServerOf(url: string, { settings, container }: CheckContext): boolean {
  if (settings.url !== null && URL.parse(settings.url)?.origin === URL.parse(url)?.origin) {
    return true;
  }
  const endpoint = endpointOfUrl(url);
  if (endpoint === null) return false;
  return endpoint.host === containerName(container) || publishes(container, endpoint);
}

/** From the container's variables, else the default, else the only port that it exposes. */
export function listenPort(context: CheckContext, { port, env = [] }: PortSources): number {
  const { variables, exposedTcpPorts } = containerFacts(context.container);
  for (const name of env) {
    const found = Number(/(\d+)\s*$/.exec(variables.get(name) ?? "")?.[1]);
    if (found > 0 && found < 65_536) return found;
  }
  const [only, ...others] = exposedTcpPorts;
  const isMoved = only !== undefined && others.length === 0 && only !== port;
  return isMoved ? only : port;
}
