import { checkServices, targetNamed } from "../services/check-service.ts";
import type { HealthReport } from "../services/health-report.ts";
import type { RunContext } from "./context.ts";
import { takeInventory } from "./inventory.ts";
import { containerNamed } from "./run-cycle.ts";
import { checkDeps } from "./verify.ts";

/**
 * Routine checks of these services or containers; null: of every container that runs or is
 * configured. Throws CONTAINER_UNKNOWN for a name that is neither.
 */
export async function checkHealth(
  names: readonly string[] | null,
  context: RunContext,
): Promise<HealthReport[]> {
  const { services } = context.config;
  const items = await takeInventory(context);
  const running = items
    .filter(({ inspect }) => inspect.State.Running)
    .map(({ service }) => service);
  const all = new Set([...Object.keys(services), ...running]);
  const wanted = names ?? [...all];
  const targets = wanted.map((name) => {
    const isConfigured = services[name] !== undefined;
    return targetNamed(isConfigured ? name : containerNamed(name, items).container, context.config);
  });
  return await checkServices(targets, await checkDeps(context));
}
