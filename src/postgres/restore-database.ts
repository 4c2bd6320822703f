/**
 * `rollback database`: one database from a dump of it or out of a dump of the whole cluster. It is
 * restored under a temporary name while the original serves, verified, and then takes its name; the
 * original stays as `<db>_before_<time>`.
 */
import { PassThrough } from "node:stream";
import { OperatorError, RESTORE_FAILED } from "../errors.ts";
import { oneLine } from "../services/evidence.ts";
import { beginRun } from "../state/runs.ts";
import type { RunContext } from "../update/context.ts";
import { beginOperation } from "../update/operation.ts";
import { Steps } from "../update/steps.ts";
import { connect, conninfo, type PostgresClient, quoteName, quoteText } from "./client.ts";
import { holdPolicies, stopCompanions } from "./companions.ts";
import { serverArguments, withRestoredDump } from "./drill.ts";
import type { DumpedTable } from "./dump-scan.ts";
import { stamp } from "./dump-store.ts";
import { awaitIdle } from "./idle.ts";
import { companionsBack, type PostgresUpdate, updateOf } from "./postgres-update.ts";
import { addressBook } from "./preflight.ts";
import { planRestore } from "./run-restore.ts";
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

const LONGEST_MS = 12 * 60 * 60_000;
const THROWAWAY_USER = "pratique_drill";
/** PostgreSQL cuts longer names. */
const LONGEST_NAME = 63;

interface Original {
  oid: number;
  owner: string;
  encoding: string;
  collate: string;
  ctype: string;
}

/** Restores one database. Throws with the reason; the original then serves as before. */
export async function restoreDatabase(
  server: PostgresServer,
  database: string,
  dump: VerifiedDump,
  context: RunContext,
): Promise<DatabaseRestoreReport> {
  const { engine, clock } = context.ports;
  const section = dump.contents?.databases.find(({ name }) => name === null || name === database);
  if (dump.contents !== null && section === undefined) {
    throw RESTORE_FAILED(`${dump.path} holds no database ${database}`);
  }
  const client = await connect(server.inspect, server.settings?.user ?? null, engine);
  const time = stamp(clock.now()).toLowerCase();
  const temporary = named(database, `_restore_${time}`);
  const former = named(database, `_before_${time}`);
  const source = {
    ...{ kind: "database" as const, path: dump.path, container: server.container },
    ...{ databases: [temporary], neededBytes: 0 },
  };
  const plan = await planRestore(server, source, context);
  const { host } = context.config;
  const runId = beginRun(context.state, { kind: "rollback", host, dryRun: false });
  const operation = beginOperation(context.state, runId, plan);
  const update = updateOf(operation, new Steps([server.container], runId, context), context);
  try {
    operation.step("back-up", update.member, { restore: "temporary database" });
    const original = await originalOf(client, database);
    await createLike(client, temporary, original);
    await load(client, { dump, database, temporary }, server, context);
    await compare(client, temporary, section?.tables ?? []);
    if (original !== null) await carryProperties(client, original, temporary);
    await client.execute(temporary, ["ANALYZE"], LONGEST_MS);
    await exchangeNames(update, client, { database, temporary, former, original });
    const problems = await companionsBack(update);
    operation.close("committed");
    if (problems.length > 0) throw RESTORE_FAILED(`restored, but ${problems.join("; ")}`);
    context.audit.write({ event: "restore", database, path: dump.path, outcome: "done" });
    return {
      ...{ schema: 1, container: server.container, database, restored: dump.path },
      formerDatabase: original === null ? null : former,
      tables: section?.tables.length ?? 0,
    };
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    if (isOpen(update)) await undoDatabaseRestore(update);
    throw error;
  }
}

function isOpen({ operation, context }: PostgresUpdate): boolean {
  const row = context.state.database
    .prepare("SELECT end FROM operations WHERE id = ?")
    .get(operation.id);
  return row?.end === null;
}

/** Removes the temporary database and starts everybody again; also after a crash. */
export async function undoDatabaseRestore(update: PostgresUpdate): Promise<void> {
  const { operation, member, plan, context } = update;
  const present = await context.ports.engine.inspectContainer(member.container);
  if (present?.State.Running) {
    const client = await connect(present, plan.user, context.ports.engine);
    for (const name of plan.restore?.databases ?? []) {
      await client
        .execute("postgres", [`DROP DATABASE IF EXISTS ${quoteName(name)}`])
        .catch(() => {});
    }
  }
  await companionsBack(update);
  operation.step("roll-back", null);
  operation.close("rolled-back");
}

async function originalOf(client: PostgresClient, database: string): Promise<Original | null> {
  const [found] = await client.rows<Original>(
    "postgres",
    `select oid::int8 as oid, pg_get_userbyid(datdba) as owner,
      pg_encoding_to_char(encoding) as encoding, datcollate as collate, datctype as ctype
      from pg_database where datname = ${quoteText(database)}`,
  );
  return found ?? null;
}

async function createLike(
  client: PostgresClient,
  temporary: string,
  original: Original | null,
): Promise<void> {
  const like =
    original === null
      ? ""
      : ` OWNER ${quoteName(original.owner)} ENCODING ${quoteText(original.encoding)} LC_COLLATE ${quoteText(original.collate)} LC_CTYPE ${quoteText(original.ctype)}`;
  const create = `CREATE DATABASE ${quoteName(temporary)} TEMPLATE template0${like}`;
  await client.execute("postgres", [create], 120_000);
}

/** Out of a whole dump by a throwaway cluster: no marks in its text are trusted. */
async function load(
  client: PostgresClient,
  job: { dump: VerifiedDump; database: string; temporary: string },
  server: PostgresServer,
  context: RunContext,
): Promise<void> {
  const { dump, database, temporary } = job;
  const into = ["-d", conninfo(temporary)];
  const restore = ["pg_restore", "--exit-on-error", "--single-transaction", ...into];
  if (dump.contents?.kind !== "cluster") {
    const reading = await context.ports.dumpFiles.read(dump.path);
    const psql = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null", ...into];
    const command = dump.format === "custom" ? restore : psql;
    const result = await client.run(command, { timeoutMs: LONGEST_MS, stdin: reading.content });
    if (result.exitCode !== 0) throw RESTORE_FAILED(oneLine(result.stderr, 300));
    return;
  }
  const target = {
    imageId: server.inspect.Image,
    serverArguments: await serverArguments(server.inspect, server.settings?.user ?? null, context),
    superuser: THROWAWAY_USER,
  };
  await withRestoredDump(dump, target, context, async (cluster) => {
    const pipe = new PassThrough({ highWaterMark: 1024 * 1024 });
    const dumping = cluster.client(["pg_dump", "--format=custom", "-d", conninfo(database)], {
      stdout: pipe,
    });
    const restoring = client.run(restore, { timeoutMs: LONGEST_MS, stdin: pipe });
    const results = await Promise.all([dumping, restoring]);
    const failed = results.find(({ exitCode }) => exitCode !== 0);
    if (failed !== undefined) throw RESTORE_FAILED(oneLine(failed.stderr, 300));
  });
}

async function compare(
  client: PostgresClient,
  temporary: string,
  tables: readonly DumpedTable[],
): Promise<void> {
  const problems: string[] = [];
  for (const { name, rows } of tables) {
    const select = `select count(*) as count from only ${name}`;
    const [counted] = await client.rows<{ count: number }>(temporary, select, LONGEST_MS);
    if (counted?.count !== rows) problems.push(`${name} has ${counted?.count} rows, not ${rows}`);
  }
  if (problems.length > 0) throw RESTORE_FAILED(problems.slice(0, 5).join("; "));
}

/** Settings and grants of the original: a dump of one database has neither. */
async function carryProperties(
  client: PostgresClient,
  original: Original,
  temporary: string,
): Promise<void> {
  const grants = await client.rows<{ grantee: string | null; privilege: string; option: boolean }>(
    "postgres",
    `select case grantee when 0 then null else pg_get_userbyid(grantee) end as grantee,
      privilege_type as privilege, is_grantable as option
      from pg_database, aclexplode(datacl) where oid = ${original.oid}`,
  );
  const on = `ON DATABASE ${quoteName(temporary)}`;
  const statements =
    grants.length === 0
      ? []
      : [
          `REVOKE ALL ${on} FROM PUBLIC`,
          ...grants.map(({ grantee, privilege, option }) => {
            const to = grantee === null ? "PUBLIC" : quoteName(grantee);
            return `GRANT ${privilege} ${on} TO ${to}${option ? " WITH GRANT OPTION" : ""}`;
          }),
        ];
  // As they are: the quoting of lists such as search_path would not survive ALTER DATABASE.
  const settings = `INSERT INTO pg_catalog.pg_db_role_setting
    SELECT (SELECT oid FROM pg_database WHERE datname = ${quoteText(temporary)}), setrole, setconfig
    FROM pg_catalog.pg_db_role_setting WHERE setdatabase = ${original.oid}`;
  await client.execute("postgres", [...statements, settings]);
}

/** The only moment in which nobody may be connected. */
async function exchangeNames(
  update: PostgresUpdate,
  client: PostgresClient,
  names: { database: string; temporary: string; former: string; original: Original | null },
): Promise<void> {
  const { plan, context, operation, member } = update;
  operation.step("deploy", member, { restore: "exchange names" });
  await holdPolicies(plan.companions, context);
  await stopCompanions(plan.companions, "dependent", context);
  await stopCompanions(plan.companions, "sidecar", context);
  await awaitIdle(client, context.ports.clock, await addressBook(context));
  const rename = (from: string, to: string) =>
    `ALTER DATABASE ${quoteName(from)} RENAME TO ${quoteName(to)}`;
  const { database, temporary, former, original } = names;
  await client.execute("postgres", [
    "BEGIN",
    ...(original === null ? [] : [rename(database, former)]),
    rename(temporary, database),
    "COMMIT",
  ]);
}

function named(database: string, ending: string): string {
  return `${database.slice(0, LONGEST_NAME - ending.length)}${ending}`;
}
