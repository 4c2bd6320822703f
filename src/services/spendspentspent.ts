import type { ContainerInspect } from "../ports.ts";
import {
  type Check,
  type CheckContext,
  containerName,
  healthy,
  unhealthy,
  unknown,
} from "./checks/check.ts";
import { httpCheck } from "./checks/http.ts";
import { querySql } from "./checks/sql.ts";
import { containerFacts } from "./container-facts.ts";
import { baseUrl, defineService, namedLike } from "./define-service.ts";

const CLIENTS =
  "select datname || '|' || coalesce(host(client_addr), '') from pg_stat_activity where backend_type = 'client backend'";

/** SpendSpentSpent: answers, and PostgreSQL shows its connection to its database. */
export const spendspentspent = defineService({
  name: "spendspentspent",
  matches: namedLike(/^spendspentspent$/),
  routine: (context) => [
    httpCheck(context, {
      isRequired: true,
      request: { url: `${baseUrl(context, { port: 9001 })}/` },
    }),
    connection(context),
  ],
});

function connection(context: CheckContext): Check {
  const name = "database connection";
  return {
    name,
    isRequired: true,
    run: async () => {
      const server = await findServer(context);
      if (server === null) {
        return unknown(`${name}: no service with check: postgres has it among its dependents`);
      }
      const database = databaseOf(context, server.databases);
      if (database === null) return unknown(`${name}: set database to the name of its database`);
      const answer = await querySql(context, { ...server, database: "postgres", sql: CLIENTS });
      if (answer.kind === "lost") return answer.outcome;
      const own = sharedAddresses(context.container, server.container);
      const isItself = (row: string) => {
        const [datname, address = ""] = row.split("|");
        return datname === database && (own.size === 0 || own.has(address));
      };
      const connections = answer.rows.filter(isItself).length;
      return connections > 0
        ? healthy(`${name}: ${connections} to ${database}`)
        : unhealthy(`${name}: PostgreSQL shows none to ${database}`);
    },
  };
}

interface DatabaseServer {
  container: ContainerInspect;
  user: string | null;
  databases: readonly string[];
}

/** The configured one, else the only known database that the app's own variables name. */
function databaseOf({ settings, container }: CheckContext, known: readonly string[]) {
  if (settings.database !== null) return settings.database;
  const values = [...containerFacts(container).variables.values()];
  const isNamed = (name: string) =>
    values.some((value) => value === name || value.replace(/\?.*$/, "").endsWith(`/${name}`));
  const named = known.filter(isNamed);
  return named.length === 1 ? (named[0] ?? null) : null;
}

async function findServer(context: CheckContext): Promise<DatabaseServer | null> {
  const servers = Object.values(context.config.services).filter(
    ({ check }) => check === "postgres",
  );
  const names = [context.service, containerName(context.container)];
  const own = servers.find(({ dependents }) => names.some((name) => dependents.includes(name)));
  const service = own ?? (servers.length === 1 ? servers[0] : undefined);
  if (service === undefined) return null;
  const container = await context.engine.inspectContainer(service.container);
  return container === null
    ? null
    : { container, user: service.user, databases: service.databases };
}

/**
 * The app's addresses on networks that the server is in too: as such the server sees it. None
 * where they talk by a published port or another namespace; then the database alone must do.
 */
function sharedAddresses(app: ContainerInspect, server: ContainerInspect): ReadonlySet<string> {
  const theirs = server.NetworkSettings.Networks ?? {};
  return new Set(
    Object.entries(app.NetworkSettings.Networks ?? {})
      .filter(([name]) => name in theirs)
      .flatMap(([, { IPAddress, GlobalIPv6Address }]) => [IPAddress, GlobalIPv6Address])
      .filter((address): address is string => typeof address === "string" && address !== ""),
  );
}
