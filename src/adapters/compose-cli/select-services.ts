import type { DryRun } from "../../ports.ts";
import { HASH_WITHOUT_DEPENDENCIES, isAtLeast } from "./compose-version.ts";

/** What is asked of compose here. */
export interface Questions {
  version(): Promise<string | null>;
  /** `config --format json`; null where the files cannot be read. */
  model(): Promise<string | null>;
  dryRun(services: readonly string[]): Promise<DryRun>;
}

/** More dependencies than this are not tried one by one. */
const MAX_TRIED = 10;

/**
 * What to name in `up --no-deps`, so that exactly these services change. `--no-deps` takes every
 * dependency that is not named out of the service: its `depends_on` label loses it, and before
 * compose 2.29.3 its hash changes too, so that the next plain `up` recreates it once more (I9,
 * I10). So the dependencies are named as well, as long as `up` would leave them alone: not those
 * that differ from their file, that have finished (a migration would run again) or that are ill
 * (`up` would wait for them while the service is down). Older versions leave no choice.
 */
export async function selectServices(
  services: readonly string[],
  ask: Questions,
): Promise<readonly string[]> {
  const dependencies = dependenciesIn(await ask.model(), services);
  if (dependencies.length === 0) return services;
  if (!isAtLeast(await ask.version(), HASH_WITHOUT_DEPENDENCIES)) {
    return [...services, ...dependencies];
  }
  const undisturbed = await leftAlone(dependencies, ask);
  if (undisturbed.length === 0) return services;
  const selection = [...services, ...undisturbed];
  const together = await ask.dryRun(selection);
  return together.kind === "unreadable" ? services : selection;
}

async function leftAlone(
  dependencies: readonly string[],
  ask: Pick<Questions, "dryRun">,
): Promise<readonly string[]> {
  if ((await ask.dryRun(dependencies)).kind === "no-change") return dependencies;
  if (dependencies.length > MAX_TRIED) return [];
  const kept: string[] = [];
  for (const dependency of dependencies) {
    if ((await ask.dryRun([dependency])).kind === "no-change") kept.push(dependency);
  }
  return kept;
}

type Model = Record<string, { depends_on?: Record<string, unknown> } | undefined>;

/** Every service that the named ones need, directly or not, without themselves. */
export function dependenciesIn(text: string | null, services: readonly string[]): string[] {
  const model = text === null ? {} : parseModel(text);
  const seen = new Set(services);
  const waiting = [...services];
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
    for (const dependency of Object.keys(model[name]?.depends_on ?? {})) {
      // A dependency whose profile is not active is not in the model, nor in the service's hash.
      if (seen.has(dependency) || model[dependency] === undefined) continue;
      seen.add(dependency);
      waiting.push(dependency);
    }
  }
  return [...seen].filter((name) => !services.includes(name));
}

function parseModel(text: string): Model {
  try {
    const parsed: unknown = JSON.parse(text);
    const services = (parsed as { services?: unknown } | null)?.services;
    return typeof services === "object" && services !== null ? (services as Model) : {};
  } catch {
    return {};
  }
}
