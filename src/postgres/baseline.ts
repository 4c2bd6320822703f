import type { PostgresClient } from "./client.ts";

export interface DatabaseFacts {
  name: string;
  owner: string;
  encoding: string;
  collate: string;
  /** Null where PostgreSQL records none (before 15, C, musl). */
  collationVersion: string | null;
  /** False where connections are refused, and for what an interrupted DROP DATABASE left. */
  mayConnect: boolean;
  isTemplate: boolean;
  sizeBytes: number;
}

export interface Extension {
  name: string;
  version: string;
}

/** What must be the same before and after an update. */
export interface ClusterFacts {
  systemIdentifier: string;
  serverVersion: string;
  versionNumber: number;
  dataDirectory: string;
  isInRecovery: boolean;
  isReadOnly: boolean;
  databases: DatabaseFacts[];
  roles: string[];
  /** By database; those that refuse connections are left out. */
  extensions: Record<string, Extension[]>;
  tablespaces: string[];
  /** Databases and collations whose recorded version is not the system's. */
  collationMismatches: string[];
  /** Damaged pages that were ever met; the server keeps the count over restarts. */
  checksumFailures: number;
}

// to_jsonb: columns that came with a later version are null before it.
const SERVER = `select (select system_identifier::text from pg_control_system()) as "systemIdentifier",
  current_setting('server_version') as "serverVersion",
  current_setting('server_version_num')::int as "versionNumber",
  current_setting('data_directory') as "dataDirectory",
  pg_is_in_recovery() as "isInRecovery",
  current_setting('default_transaction_read_only')::bool as "isReadOnly",
  (select coalesce(sum((to_jsonb(s)->>'checksum_failures')::int8), 0)::int8 from pg_stat_database s)
    as "checksumFailures",
  (select rolsuper from pg_roles where rolname = current_user) as "isSuperuser"`;

const DATABASES = `select datname as name, pg_get_userbyid(datdba) as owner,
  pg_encoding_to_char(encoding) as encoding, datcollate as collate,
  to_jsonb(d)->>'datcollversion' as "collationVersion",
  datallowconn and datconnlimit <> -2 as "mayConnect", datistemplate as "isTemplate",
  pg_database_size(oid) as "sizeBytes"
  from pg_database d order by datname`;

const ROLES = "select rolname as name from pg_roles where rolname !~ '^pg_' order by rolname";
const TABLESPACES =
  "select spcname as name from pg_tablespace where spcname not in ('pg_default', 'pg_global')";
// One answer each for the cluster and for a database: every question is a program that starts.
const CLUSTER = `${SERVER}, ${list(DATABASES)} as databases,
  ${list(ROLES)} as roles, ${list(TABLESPACES)} as tablespaces`;
const EXTENSIONS = "select extname as name, extversion as version from pg_extension order by 1";
const COLLATIONS = `select 'collation ' || collname as name from pg_collation
  where collversion <> pg_collation_actual_version(oid)`;
const DATABASE = `select ${list(EXTENSIONS)} as extensions, ${list(COLLATIONS)} as mismatches`;
const DATABASE_COLLATIONS = `select 'database ' || datname as name from pg_database
  where datallowconn and datcollversion is distinct from pg_database_collation_actual_version(oid)`;
/** First version that records the collation version of a database. */
const HAS_COLLATION_VERSION = 150_000;

/** Whether the connection has what a dump needs; false for a user who is no superuser. */
export async function isSuperuser(client: PostgresClient): Promise<boolean> {
  const [server] = await client.rows<{ isSuperuser: boolean }>("postgres", SERVER);
  return server?.isSuperuser === true;
}

/** Reads the whole of a running server; every database that allows it is connected to. */
export async function readCluster(client: PostgresClient): Promise<ClusterFacts> {
  const [cluster] = await client.rows<Named<"roles" | "tablespaces">>("postgres", CLUSTER);
  if (cluster === undefined) throw new Error("a select without table gives one row");
  const { databases, roles, tablespaces, ...server } = cluster;
  const names = databases.filter(({ mayConnect }) => mayConnect).map(({ name }) => name);
  const hasVersions = server.versionNumber >= HAS_COLLATION_VERSION;
  const answers = await client.ask([
    ...(hasVersions ? [{ database: "postgres", select: DATABASE_COLLATIONS }] : []),
    ...names.map((database) => ({ database, select: DATABASE })),
  ]);
  const ofCluster = hasVersions ? (answers.shift() as { name: string }[]) : [];
  const found = answers.flat() as { extensions: Extension[]; mismatches: { name: string }[] }[];
  const extensions = Object.fromEntries(
    names.map((name, at) => [name, found[at]?.extensions ?? []]),
  );
  const mismatches = [...ofCluster, ...found.flatMap((each) => each.mismatches)];
  return {
    systemIdentifier: server.systemIdentifier,
    serverVersion: server.serverVersion,
    versionNumber: server.versionNumber,
    dataDirectory: server.dataDirectory,
    isInRecovery: server.isInRecovery,
    isReadOnly: server.isReadOnly,
    databases,
    roles: roles.map(({ name }) => name),
    extensions,
    tablespaces: tablespaces.map(({ name }) => name),
    collationMismatches: [...new Set(mismatches.map(({ name }) => name))],
    checksumFailures: server.checksumFailures,
  };
}

/** The facts as the server gives them: these are lists of rows with a name. */
type Named<Keys extends keyof ClusterFacts> = Omit<ClusterFacts, Keys | "extensions"> &
  Record<Keys, { name: string }[]>;

function list(select: string): string {
  return `(select coalesce(json_agg(l), '[]'::json) from (${select}) l)`;
}

/** What is not as it was; empty when everything is. */
export function differences(before: ClusterFacts, after: ClusterFacts): string[] {
  const problems: string[] = [];
  if (before.systemIdentifier !== after.systemIdentifier) {
    problems.push(
      `another cluster answers: system identifier ${after.systemIdentifier}, not ${before.systemIdentifier}`,
    );
  }
  if (majorOf(before) !== majorOf(after)) {
    problems.push(`the server is ${after.serverVersion}, not major ${majorOf(before)}`);
  }
  if (before.dataDirectory !== after.dataDirectory) {
    problems.push(`the data directory is ${after.dataDirectory}, not ${before.dataDirectory}`);
  }
  if (after.isInRecovery && !before.isInRecovery) problems.push("the server is in recovery");
  if (after.isReadOnly && !before.isReadOnly) problems.push("the server is read-only");
  problems.push(...missing("database", databaseKeys(before), databaseKeys(after)));
  problems.push(...missing("role", before.roles, after.roles));
  for (const [database, extensions] of Object.entries(before.extensions)) {
    const there = (after.extensions[database] ?? []).map(extensionText);
    problems.push(...missing(`extension of ${database}`, extensions.map(extensionText), there));
  }
  const failures = after.checksumFailures - (before.checksumFailures ?? 0);
  if (failures > 0) problems.push(`${failures} new checksum failures`);
  const isNew = (name: string) => !before.collationMismatches.includes(name);
  problems.push(
    ...after.collationMismatches.filter(isNew).map((name) => `collation version changed: ${name}`),
  );
  return problems;
}

/** Databases that no dump has: they refuse connections. `template0` can be made anew. */
export function unreachable({ databases }: Pick<ClusterFacts, "databases">): string[] {
  return databases
    .filter(({ mayConnect, name }) => !mayConnect && name !== "template0")
    .map(({ name }) => name);
}

export function majorOf({ versionNumber }: Pick<ClusterFacts, "versionNumber">): number {
  return Math.floor(versionNumber / 10_000);
}

function databaseKeys({ databases }: ClusterFacts): string[] {
  return databases.map(
    ({ name, owner, encoding, collate }) => `${name} (owner ${owner}, ${encoding}, ${collate})`,
  );
}

function extensionText({ name, version }: Extension): string {
  return `${name} ${version}`;
}

function missing(what: string, before: readonly string[], after: readonly string[]): string[] {
  const there = new Set(after);
  return before.filter((name) => !there.has(name)).map((name) => `${what} ${name} is missing`);
}
