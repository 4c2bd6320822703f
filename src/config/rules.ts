/** Checks that look at more than one value; each names the value that has to change. */
import type { Config, ServiceConfig } from "./config.ts";
import { CHECKS, type CheckName } from "./names.ts";
import type { ConfigPath } from "./problems.ts";
import { listed } from "./words.ts";

export interface RuleProblem {
  path: ConfigPath;
  what: string;
}

type Rule = (config: Config) => RuleProblem[];

const RULES: readonly Rule[] = [
  containersAreDistinct,
  relationsMakeSense,
  dependenciesHaveNoCycle,
  presetKeysFitTheCheck,
  weekHasADayForUpdates,
  tlsNeedsTcp,
  dumpsNeedAFolder,
];

/** Every rule's problems, in the order of the rules. */
export function ruleProblems(config: Config): RuleProblem[] {
  return RULES.flatMap((rule) => rule(config));
}

function services(config: Config): ServiceConfig[] {
  return Object.values(config.services);
}

function containersAreDistinct(config: Config): RuleProblem[] {
  const owners = new Map<string, string>();
  return services(config).flatMap(({ name, container }) => {
    const owner = owners.get(container);
    if (owner === undefined) {
      owners.set(container, name);
      return [];
    }
    const path = ["services", name, ...(container === name ? [] : ["container"])];
    return [{ path, what: `the container ${container} belongs to services.${owner} already` }];
  });
}

const RELATIONS = ["dependsOn", "dependents", "sidecars"] as const;

function relationsMakeSense(config: Config): RuleProblem[] {
  return services(config).flatMap((service) => {
    const seen = new Map<string, string>();
    return RELATIONS.flatMap((relation) =>
      service[relation].flatMap((other, index): RuleProblem[] => {
        const path = ["services", service.name, relation, index];
        if (other === service.name || other === service.container) {
          return [{ path, what: "a service cannot be related to itself" }];
        }
        const before = seen.get(other);
        seen.set(other, relation);
        if (before === undefined) return [];
        return [{ path, what: `${other} is in ${before} already` }];
      }),
    );
  });
}

/** Dependencies first: `dependsOn` and the other end of `dependents` are one relation. */
function dependenciesHaveNoCycle(config: Config): RuleProblem[] {
  const byContainer = new Map(services(config).map((service) => [service.container, service]));
  const find = (name: string) => config.services[name] ?? byContainer.get(name) ?? null;
  const done = new Set<string>();
  const problems: RuleProblem[] = [];

  function visit(service: ServiceConfig, trail: readonly string[]): void {
    const start = trail.indexOf(service.name);
    if (start >= 0) {
      const cycle = [...trail.slice(start), service.name].join(" → ");
      problems.push({
        path: ["services", service.name, "dependsOn"],
        what: `the dependencies go round in a circle: ${cycle}`,
      });
      return;
    }
    if (done.has(service.name)) return;
    for (const name of dependenciesOf(service)) {
      const next = find(name);
      if (next !== null) visit(next, [...trail, service.name]);
    }
    done.add(service.name);
  }

  function dependenciesOf(service: ServiceConfig): string[] {
    const reversed = services(config).filter((other) =>
      other.dependents.some((name) => find(name) === service),
    );
    return [...service.dependsOn, ...reversed.map((other) => other.name)];
  }

  for (const service of services(config)) visit(service, []);
  return problems;
}

/** Keys that only one check reads: elsewhere they would silently do nothing. */
const KEYS_OF_CHECKS: readonly { key: keyof ServiceConfig; checks: readonly CheckName[] }[] = [
  { key: "user", checks: ["postgres"] },
  { key: "databases", checks: ["postgres"] },
  { key: "sidecars", checks: ["postgres"] },
  { key: "dataBackup", checks: ["postgres"] },
  { key: "restoreDrill", checks: ["postgres"] },
  { key: "database", checks: ["spendspentspent"] },
  { key: "virtualAddress", checks: ["keepalived"] },
  { key: "state", checks: ["keepalived"] },
  { key: "machineLearning", checks: ["immich"] },
  { key: "username", checks: ["transmission", "ntfy"] },
  { key: "password", checks: ["transmission", "ntfy"] },
];

function presetKeysFitTheCheck(config: Config): RuleProblem[] {
  return services(config).flatMap((service) => {
    const { check } = service;
    if (check === null || !CHECKS.includes(check)) return [];
    return KEYS_OF_CHECKS.filter(
      ({ key, checks }) => !checks.includes(check) && isSet(service[key]),
    ).map(({ key, checks }) => ({
      path: ["services", service.name, key],
      what: `is read only with check: ${listed(checks)}; this service has check: ${check}`,
    }));
  });
}

function isSet(value: unknown): boolean {
  return value !== null && value !== false && !(Array.isArray(value) && value.length === 0);
}

function weekHasADayForUpdates({ schedule }: Config): RuleProblem[] {
  if (new Set(schedule.never).size < 7) return [];
  return [{ path: ["schedule", "never"], what: "names every day: nothing would ever be updated" }];
}

function tlsNeedsTcp({ engine }: Config): RuleProblem[] {
  if (engine.tls === null || engine.endpoint.startsWith("tcp://")) return [];
  return [{ path: ["engine", "tls"], what: "has a meaning only for a tcp:// endpoint" }];
}

function dumpsNeedAFolder({ schedule, backups }: Config): RuleProblem[] {
  if (backups.postgres !== null) return [];
  return (["backup", "drill"] as const)
    .filter((key) => schedule[key] !== null)
    .map((key) => ({ path: ["schedule", key], what: "needs backups.postgres, the dumps' folder" }));
}
