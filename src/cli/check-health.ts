import { CONTAINER_UNKNOWN } from "../errors.ts";
import { checkServices, targetNamed } from "../services/check-service.ts";
import type { HealthReport } from "../services/health-report.ts";
import type { CheckTarget } from "../services/round.ts";
import type { RunContext } from "../update/context.ts";
import { takeInventory } from "../update/inventory.ts";
import { nearest } from "../values/nearest.ts";

/**
 * The routine checks of these services (by key or container), or of everything that is watched or
 * configured. Throws CONTAINER_UNKNOWN for a name that neither the engine nor the file knows.
 */
export async function checkHealth(
  names: readonly string[] | null,
  context: RunContext,
): Promise<HealthReport[]> {
  const { config, ports } = context;
  const targets = names === null ? await allTargets(context) : await namedTargets(names, context);
  const { engine, probes, clock, scanner } = ports;
  return await checkServices(targets, {
    engine,
    probes,
    clock,
    scanner,
    config,
    vantage: await context.vantage(),
  });
}

/** A configured service without a container belongs to the list: it is not healthy. */
async function allTargets(context: RunContext): Promise<CheckTarget[]> {
  const items = await takeInventory(context);
  const watched = items
    .filter(({ watch, settings }) => watch.kind === "watched" && settings === null)
    .map(({ container }) => container);
  const configured = Object.keys(context.config.services);
  return [...configured, ...watched].map((name) => targetNamed(name, context.config));
}

async function namedTargets(
  names: readonly string[],
  { config, ports }: RunContext,
): Promise<CheckTarget[]> {
  const containers = (await ports.engine.listContainers()).map(({ name }) => name);
  return names.map((name) => {
    const target = targetNamed(name, config);
    if (target.service === null && !containers.includes(name)) {
      const known = [...containers, ...Object.keys(config.services)];
      throw CONTAINER_UNKNOWN(name, nearest(name, known));
    }
    return target;
  });
}
