/**
 * `rollback database`: one database from a dump of it or out of a dump of the whole cluster. It is
 * restored under a temporary name while the original serves, verified, and then takes its name; the
 * original stays as `<db>_before_<time>`.
 */
import { PassThrough, type Readable } from "node:stream";
import { OperatorError, RESTORE_FAILED } from "../errors.ts";
import type { ExecResult } from "../ports.ts";
import { oneLine } from "../services/evidence.ts";
import { beginRun, endRun } from "../state/runs.ts";
import type { RunContext } from "../update/context.ts";
import { beginOperation } from "../update/operation.ts";
import { STAY_MS, sendOutbox } from "../update/send-outbox.ts";
import { Steps } from "../update/steps.ts";
import { conninfo } from "./ask.ts";
import { connect, type PostgresClient, quoteName } from "./client.ts";
import { holdPolicies, stopCompanions } from "./companions.ts";
import { rowProblems } from "./compare-rows.ts";
import {
  createDatabase,
  type DatabaseProperties,
  databaseProperties,
  giveProperties,
} from "./database-properties.ts";
import { restoredAs, serverArguments, withRestoredDump } from "./drill.ts";
import type { DumpedDatabase, DumpedTable } from "./dump-scan.ts";
import { stamp } from "./dump-store.ts";
import { finishDatabaseRestore, leaveDatabaseRestore } from "./end-database-restore.ts";
import { awaitIdle } from "./idle.ts";
import { LONGEST_RESTORE_MS, openDump } from "./open-dump.ts";
import { type PostgresUpdate, updateOf } from "./postgres-update.ts";
import { addressBook } from "./preflight.ts";
import { planDatabaseRestore } from "./restore-plan.ts";
import { beginDatabaseStep } from "./restore-steps.ts";
import { readRoles } from "./server-roles.ts";
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
  // Of the custom format nobody says what is in it.
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
  const problem = await attemptRestore(job, section);
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
  section: DumpedDatabase | undefined,
): Promise<OperatorError | null> {
  const { update, client, temporary } = job;
  try {
    beginDatabaseStep(update, "temporary database", `restoring ${job.database} beside the present`);
    await make(job, section);
    await compare(client, temporary, section?.tables ?? []);
    await client.execute(temporary, ["ANALYZE"], LONGEST_RESTORE_MS);
    await exchangeNames(job);
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    return await leaveDatabaseRestore(update, error);
  }
  return await finishDatabaseRestore(update);
}

/**
 * A text can do anything to any database (`pg_dump --create` drops and creates its own), so only a
 * throwaway cluster runs it; into the server goes what one database there holds after it.
 */
async function make(job: Job, section: DumpedDatabase | undefined): Promise<void> {
  const { update, client, dump, temporary, original } = job;
  const { operation, member, plan, context } = update;
  if (section === undefined) {
    await createDatabase(client, temporary, original);
    const { content } = await openDump(dump, member.container, context);
    const restored = await restoreInto(job, content);
    if (restored.exitCode !== 0) throw RESTORE_FAILED(oneLine(restored.stderr, 300));
    if (original !== null) await giveProperties(client, temporary, original);
    return;
  }
  const target = {
    ...{ imageId: member.formerImageId, operationId: operation.id, like: original },
    serverArguments: await serverArguments(member.formerInspect, plan.user, context),
    roles: await readRoles(client),
  };
  await withRestoredDump(dump, target, context, async (cluster) => {
    // A dump that does not name its database says nothing of it either.
    const said = section.name === null ? null : await databaseProperties(cluster, section.name);
    const like = original ?? said;
    await createDatabase(client, temporary, like);
    const pipe = new PassThrough({ highWaterMark: 1024 * 1024 });
    const from = conninfo(restoredAs(section));
    const dumping = cluster.client(["pg_dump", "--format=custom", "-d", from], { stdout: pipe });
    const results = await Promise.all([dumping, restoreInto(job, pipe)]);
    const failed = results.find(({ exitCode }) => exitCode !== 0);
    if (failed !== undefined) throw RESTORE_FAILED(oneLine(failed.stderr, 300));
    if (like !== null) await giveProperties(client, temporary, like);
  });
}

/** What is in the custom format stays in the database that it is restored into. */
async function restoreInto({ client, temporary }: Job, stdin: Readable): Promise<ExecResult> {
  const command = ["pg_restore", "--exit-on-error", "--single-transaction"];
  const into = ["-d", conninfo(temporary)];
  return await client.run([...command, ...into], { timeoutMs: LONGEST_RESTORE_MS, stdin });
}

async function compare(
  client: PostgresClient,
  temporary: string,
  tables: readonly DumpedTable[],
): Promise<void> {
  const expected = tables.map((table) => ({ database: temporary, ...table }));
  const problems = await rowProblems(expected, (questions) =>
    client.ask(questions, LONGEST_RESTORE_MS),
  );
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
