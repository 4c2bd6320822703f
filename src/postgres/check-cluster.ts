import { CLUSTER_CHANGED } from "../errors.ts";
import type { RunContext } from "../update/context.ts";
import { type ClusterFacts, differences, readCluster } from "./baseline.ts";
import { connect, type PostgresClient } from "./client.ts";

/** The image has made a cluster of its own: after an update the data was not found. */
const FRESH_CLUSTER = "PostgreSQL init process complete";
const LOG_TROUBLE = /\b(PANIC|invalid page|could not read block|is incompatible with server)\b/;
const LOG_LINES = 500;
const UNLOADABLE = `select extname as name, extversion as version from pg_extension e
  where not exists (select 1 from pg_available_extension_versions v
    where v.name = e.extname and v.version = e.extversion)`;
const FILE_ERRORS =
  "select coalesce(error, '') as error from pg_file_settings where error is not null";
const WRITE_TIMEOUT_MS = 120_000;

/**
 * Proves that the running server is the cluster of before: identifier, databases, roles,
 * extensions, collations, log; and that it takes writes, in a database of our own. Throws
 * CLUSTER_CHANGED with everything that is wrong.
 */
export async function checkCluster(
  container: string,
  options: {
    baseline: ClusterFacts;
    user: string | null;
    operationId: string;
  },
  { ports }: Pick<RunContext, "ports">,
): Promise<ClusterFacts> {
  const inspect = await ports.engine.inspectContainer(container);
  if (inspect === null) throw CLUSTER_CHANGED(container, "the container is gone");
  const log = await ports.engine.logTail(inspect.Id, LOG_LINES, { sinceStart: true });
  const client = await connect(inspect, options.user, ports.engine);
  const now = await readCluster(client);
  // The mark alone says little: it stays in the log of a server that was made in this very start.
  const isAnother = now.systemIdentifier !== options.baseline.systemIdentifier;
  if (isAnother && log.some((line) => line.includes(FRESH_CLUSTER))) {
    throw CLUSTER_CHANGED(container, "it started an empty cluster: its data was not found");
  }
  const problems = differences(options.baseline, now);
  for (const line of log) {
    const trouble = LOG_TROUBLE.exec(line)?.[1];
    if (trouble !== undefined) problems.push(`its log says "${trouble}"`);
  }
  problems.push(...(await serverTroubles(client, now)));
  if (problems.length === 0) await proveWrites(client, options.operationId);
  if (problems.length > 0) {
    throw CLUSTER_CHANGED(container, [...new Set(problems)].slice(0, 6).join("; "));
  }
  return now;
}

async function serverTroubles(client: PostgresClient, now: ClusterFacts): Promise<string[]> {
  const databases = Object.keys(now.extensions);
  const [errors = [], ...unloadable] = await client.ask([
    { database: "postgres", select: FILE_ERRORS },
    ...databases.map((database) => ({ database, select: UNLOADABLE })),
  ]);
  return [
    ...databases.flatMap((database, at) =>
      (unloadable[at] ?? []).map(
        ({ name, version }) => `the image has no ${name} ${version} (used in ${database})`,
      ),
    ),
    ...errors.map(({ error }) => `a setting is refused: ${error}`),
  ];
}

/** Writes into a throwaway database, never into anybody else's. */
async function proveWrites(client: PostgresClient, operationId: string): Promise<void> {
  const name = writeTestDatabase(operationId);
  const outside = [`DROP DATABASE IF EXISTS ${name}`, `CREATE DATABASE ${name} TEMPLATE template0`];
  const inside = [
    "CREATE TABLE proof (id int PRIMARY KEY, at timestamptz)",
    "INSERT INTO proof SELECT n, now() FROM generate_series(1, 1000) n",
    "CHECKPOINT",
  ];
  await client.executeAll(
    [
      ...outside.map((sql) => ({ database: "postgres", sql })),
      ...inside.map((sql) => ({ database: name, sql })),
      { database: "postgres", sql: `DROP DATABASE ${name}` },
    ],
    WRITE_TIMEOUT_MS,
  );
}

/** The database of the write test; a crash may leave it behind. */
export function writeTestDatabase(operationId: string): string {
  return `pratique_write_test_${operationId}`;
}
