import type { Config, ServiceConfig } from "../config/config.ts";

/** A service of the configuration by its key, else by its container's name; null: there is none. */
export function serviceNamed(
  name: string,
  { services }: Pick<Config, "services">,
): ServiceConfig | null {
  const ofContainer = Object.values(services).find(({ container }) => container === name);
  return services[name] ?? ofContainer ?? null;
}
