import type { NamespaceUser } from "./namespaces.ts";
import { namespaceParents } from "./namespaces.ts";

/** What says which containers another one depends on. */
export interface DependencyFacts extends NamespaceUser {
  /** Key in the configuration. */
  service: string;
  labels: Readonly<Record<string, string>>;
  /** `dependsOn` of the configuration: services or container names. */
  dependsOn: readonly string[];
}

const PROJECT = "com.docker.compose.project";
const SERVICE = "com.docker.compose.service";

/**
 * Names of the containers that one depends on: the configuration's, `pratique.depends-on`,
 * watchtower's label, compose's `depends_on` (its own project only) and those whose
 * namespaces it shares. Names that are no container here are left out.
 */
export function dependenciesOf(
  container: DependencyFacts,
  containers: readonly DependencyFacts[],
): string[] {
  const wanted = [
    ...container.dependsOn,
    ...listIn(container.labels["pratique.depends-on"]),
    ...listIn(container.labels["com.centurylinklabs.watchtower.depends-on"]),
  ];
  const named = wanted.flatMap((name) => resolve(name, containers));
  const names = new Set([
    ...named,
    ...composeDependencies(container.labels, containers),
    ...namespaceParents(container, containers),
  ]);
  names.delete(container.name);
  return [...names];
}

/** The list in a `depends_on` label of compose: `service:condition:restart`, comma separated. */
export function parseComposeDependsOn(
  label: string | undefined,
): { service: string; condition: string; restart: boolean }[] {
  return listIn(label).map((item) => {
    const [service = "", condition = "service_started", restart = "false"] = item.split(":");
    return { service, condition, restart: restart === "true" };
  });
}

function composeDependencies(
  labels: DependencyFacts["labels"],
  containers: readonly DependencyFacts[],
): string[] {
  const project = labels[PROJECT];
  if (project === undefined) return [];
  const services = new Set(
    parseComposeDependsOn(labels["com.docker.compose.depends_on"]).map(({ service }) => service),
  );
  return containers
    .filter(
      (other) => other.labels[PROJECT] === project && services.has(other.labels[SERVICE] ?? ""),
    )
    .map(({ name }) => name);
}

/** A container's name wins over a service's key of the same spelling. */
function resolve(wanted: string, containers: readonly DependencyFacts[]): string[] {
  const name = wanted.replace(/^\//, "");
  if (containers.some((container) => container.name === name)) return [name];
  return containers.filter(({ service }) => service === name).map((container) => container.name);
}

function listIn(label: string | undefined): string[] {
  return (label ?? "")
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}
