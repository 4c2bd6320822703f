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

/**
 * The server that a backup is restored into: the one that was named, else the one it was made of,
 * else the only one where the backup does not say. Throws POSTGRES_UNKNOWN with what to do; never
 * guesses, because data is replaced.
 */
export async function restoreTarget(
  backup: { container: string | null; path: string },
  given: string | null,
  context: Pick<RunContext, "config" | "ports">,
): Promise<PostgresServer> {
  const servers = await findServers(context);
  const names = servers.map(({ container }) => container).join(", ");
  const others = names === "" ? "" : ` To restore into another one: --container ${names}.`;
  const lost = (name: string) =>
    POSTGRES_UNKNOWN(
      `there is no container ${name} that is checked as postgres. Create it again, on its former volume or an empty one (\`docker compose up -d\` or your \`docker run\`), and run this again: what it then has is replaced.${others}`,
    );
  const wanted = given ?? backup.container;
  const [only, ...more] = servers;
  if (wanted !== null) {
    const found = servers.find(({ container }) => container === wanted);
    if (found === undefined) throw lost(wanted);
    return found;
  }
  const missing = Object.values(context.config.services)
    .filter(({ check }) => check === "postgres")
    .find(({ container }) => servers.every((server) => server.container !== container));
  if (missing !== undefined) throw lost(missing.container);
  if (only === undefined) throw POSTGRES_UNKNOWN("no container is checked as postgres");
  if (more.length === 0) return only;
  throw POSTGRES_UNKNOWN(`${backup.path} does not say whose it is: --container ${names}`);
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
