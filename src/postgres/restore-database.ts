/**
 * `rollback database`: one database from a dump of it or out of a dump of the whole cluster. It is
 * restored under a temporary name while the original serves, verified, and then takes its name; the
 * original stays as `<db>_before_<time>`.
 */
import { PassThrough } from "node:stream";
import { OperatorError, RESTORE_FAILED } from "../errors.ts";
import { oneLine } from "../services/evidence.ts";
import { beginRun, endRun } from "../state/runs.ts";
import type { RunContext } from "../update/context.ts";
import { beginOperation } from "../update/operation.ts";
import { STAY_MS, sendOutbox } from "../update/send-outbox.ts";
import { Steps } from "../update/steps.ts";
import { conninfo } from "./ask.ts";
import { connect, type PostgresClient, quoteName } from "./client.ts";
import { holdPolicies, stopCompanions } from "./companions.ts";
import {
  createDatabase,
  type DatabaseProperties,
  databaseProperties,
  giveProperties,
} from "./database-properties.ts";
import { serverArguments, withRestoredDump } from "./drill.ts";
import type { DumpedTable } from "./dump-scan.ts";
import { stamp } from "./dump-store.ts";
import { finishDatabaseRestore, leaveDatabaseRestore } from "./end-database-restore.ts";
import { countOf } from "./fresh-cluster.ts";
import { awaitIdle } from "./idle.ts";
import { LONGEST_RESTORE_MS, openDump } from "./open-dump.ts";
import { type PostgresUpdate, updateOf } from "./postgres-update.ts";
import { addressBook } from "./preflight.ts";
import { planDatabaseRestore } from "./restore-plan.ts";
import { beginDatabaseStep } from "./restore-steps.ts";
import type { PostgresServer } from "./servers.ts";
import type { VerifiedDump } from "./verify-dump.ts";

export interface DatabaseRestoreReport {
  schema: 1;
  container: string;
  database: string;
  restored: string;
  /** The database that was there before; null where there was none. */
  formerDatabase: string | null;
  tables: number;
}

const THROWAWAY_USER = "pratique_drill";
/** PostgreSQL cuts longer names; in bytes. */
const LONGEST_NAME = 63;

/** One restore in hand. */
interface Job {
  update: PostgresUpdate;
  client: PostgresClient;
  dump: VerifiedDump;
  database: string;
  temporary: string;
  former: string;
  /** Null where there is no such database now. */
  original: DatabaseProperties | null;
}

/** Restores one database. Throws with the reason; the original then serves as before. */
export async function restoreDatabase(
  server: PostgresServer,
  database: string,
  dump: VerifiedDump,
  context: RunContext,
): Promise<DatabaseRestoreReport> {
  const { engine, clock } = context.ports;
  const startedAtMs = clock.now();
  const section = dump.contents?.databases.find(({ name }) => name === null || name === database);
  if (dump.contents !== null && section === undefined) {
    throw RESTORE_FAILED(`${dump.path} holds no database ${database}`);
  }
  const time = stamp(startedAtMs).toLowerCase();
  const temporary = named(database, `_restore_${time}`);
  const former = named(database, `_before_${time}`);
  const names = { database, temporary, former };
  const plan = await planDatabaseRestore(server, { path: dump.path, names }, context);
  const client = await connect(server.inspect, server.settings?.user ?? null, engine);
  const original = await databaseProperties(client, database);
  if (original === null && plan.postgres?.restore?.names) plan.postgres.restore.names.former = null;
  const run = { kind: "rollback" as const, host: context.config.host, dryRun: false };
  const runId = beginRun(context.state, run);
  const operation = beginOperation(context.state, runId, plan);
  const update = updateOf(operation, new Steps([server.container], runId, context), context);
  const job = { update, client, dump, database, temporary, former, original };
  const problem = await attemptRestore(job, section?.tables ?? []);
  const durationMs = clock.now() - startedAtMs;
  endRun(context.state, {
    ...{ ...run, run: runId, schema: 1 as const, containers: [], interrupted: null, durationMs },
    ...{ startedAt: new Date(startedAtMs).toISOString(), exitCode: problem === null ? 0 : 1 },
  });
  await sendOutbox(context, STAY_MS);
  if (problem !== null) throw problem;
  return {
    ...{ schema: 1, container: server.container, database, restored: dump.path },
    formerDatabase: original === null ? null : former,
    tables: section?.tables.length ?? 0,
  };
}

async function attemptRestore(
  job: Job,
  tables: readonly DumpedTable[],
): Promise<OperatorError | null> {
  const { update, client, temporary } = job;
  try {
    beginDatabaseStep(update, "temporary database", `restoring ${job.database} beside the present`);
    await make(job);
    await compare(client, temporary, tables);
    await client.execute(temporary, ["ANALYZE"], LONGEST_RESTORE_MS);
    await exchangeNames(job);
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    return await leaveDatabaseRestore(update, error);
  }
  return await finishDatabaseRestore(update);
}

/** Out of a whole dump by a throwaway cluster: no marks in its text are trusted. */
async function make(job: Job): Promise<void> {
  const { update, client, dump, database, temporary, original } = job;
  const { operation, member, plan, context } = update;
  const into = ["-d", conninfo(temporary)];
  const restore = ["pg_restore", "--exit-on-error", "--single-transaction", ...into];
  if (dump.contents?.kind !== "cluster") {
    await createDatabase(client, temporary, original);
    const reading = await openDump(dump, member.container, context);
    const psql = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null", ...into];
    const command = dump.format === "custom" ? restore : psql;
    const result = await client.run(command, {
      timeoutMs: LONGEST_RESTORE_MS,
      stdin: reading.content,
    });
    if (result.exitCode !== 0) throw RESTORE_FAILED(oneLine(result.stderr, 300));
    await reading.end();
    if (original !== null) await giveProperties(client, temporary, original);
    return;
  }
  const target = {
    ...{ imageId: member.formerImageId, superuser: THROWAWAY_USER, operationId: operation.id },
    serverArguments: await serverArguments(member.formerInspect, plan.user, context),
  };
  await withRestoredDump(dump, target, context, async (cluster) => {
    const like = original ?? (await databaseProperties(cluster, database));
    await createDatabase(client, temporary, like);
    const pipe = new PassThrough({ highWaterMark: 1024 * 1024 });
    const dumping = cluster.client(["pg_dump", "--format=custom", "-d", conninfo(database)], {
      stdout: pipe,
    });
    const restoring = client.run(restore, { timeoutMs: LONGEST_RESTORE_MS, stdin: pipe });
    const results = await Promise.all([dumping, restoring]);
    const failed = results.find(({ exitCode }) => exitCode !== 0);
    if (failed !== undefined) throw RESTORE_FAILED(oneLine(failed.stderr, 300));
    if (like !== null) await giveProperties(client, temporary, like);
  });
}

async function compare(
  client: PostgresClient,
  temporary: string,
  tables: readonly DumpedTable[],
): Promise<void> {
  const problems: string[] = [];
  const counts = await client.ask(
    tables.map(({ name }) => ({ database: temporary, select: countOf(name) })),
    LONGEST_RESTORE_MS,
  );
  for (const [at, { name, rows }] of tables.entries()) {
    const count = counts[at]?.[0]?.count;
    if (count !== rows) problems.push(`${name} has ${count} rows, not ${rows}`);
  }
  if (problems.length > 0) throw RESTORE_FAILED(problems.slice(0, 5).join("; "));
}

/** The only moment in which nobody may be connected. One transaction: a crash leaves no half. */
async function exchangeNames(job: Job): Promise<void> {
  const { update, client, database, temporary, former, original } = job;
  const { plan, context } = update;
  beginDatabaseStep(update, "exchange names", "stopping dependents for the exchange of names");
  await holdPolicies(plan.companions, context);
  await stopCompanions(plan.companions, "dependent", context);
  await stopCompanions(plan.companions, "sidecar", context);
  await awaitIdle(client, context.ports.clock, await addressBook(context));
  const rename = (from: string, to: string) =>
    `ALTER DATABASE ${quoteName(from)} RENAME TO ${quoteName(to)}`;
  await client.execute("postgres", [
    "BEGIN",
    ...(original === null ? [] : [rename(database, former)]),
    rename(temporary, database),
    "COMMIT",
  ]);
}

function named(database: string, ending: string): string {
  const room = LONGEST_NAME - Buffer.byteLength(ending);
  let kept = database;
  while (Buffer.byteLength(kept) > room) kept = [...kept].slice(0, -1).join("");
  return `${kept}${ending}`;
}
