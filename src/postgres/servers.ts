import type { ServiceConfig } from "../config/config.ts";
import { POSTGRES_UNKNOWN } from "../errors.ts";
import type { ContainerInspect } from "../ports.ts";
import { choosePreset } from "../services/catalog.ts";
import type { RunContext } from "../update/context.ts";
import { OPERATION_LABEL } from "../update/plan.ts";

/** A container that is checked as PostgreSQL. */
export interface PostgresServer {
  container: string;
  /** Key in the configuration; the container's name where there is none. */
  service: string;
  settings: ServiceConfig | null;
  inspect: ContainerInspect;
}

/** Every PostgreSQL server of this host, by container name; stopped ones too. */
export async function findServers({
  config,
  ports,
}: Pick<RunContext, "config" | "ports">): Promise<PostgresServer[]> {
  const servers: PostgresServer[] = [];
  for (const { id, name, image, labels } of await ports.engine.listContainers()) {
    if (labels[OPERATION_LABEL] !== undefined) continue;
    const settings =
      Object.values(config.services).find(({ container }) => container === name) ?? null;
    if (!isPostgres(settings, image)) continue;
    const inspect = await ports.engine.inspectContainer(id);
    if (inspect === null) continue;
    servers.push({ container: name, service: settings?.name ?? name, settings, inspect });
  }
  return servers.toSorted((left, right) => (left.container < right.container ? -1 : 1));
}

/** Whether a container goes through the PostgreSQL procedures. */
export function isPostgres(settings: ServiceConfig | null, image: string): boolean {
  return choosePreset(settings?.check ?? null, image).preset.name === "postgres";
}

/** The running servers. Throws POSTGRES_UNKNOWN where there is none. */
export async function runningServers(
  context: Pick<RunContext, "config" | "ports">,
): Promise<PostgresServer[]> {
  const servers = await findServers(context);
  const running = servers.filter(({ inspect }) => inspect.State.Running);
  if (running.length > 0) return running;
  const [first] = servers;
  throw POSTGRES_UNKNOWN(
    first === undefined ? "no container is checked as postgres" : `${first.container} is stopped`,
  );
}
