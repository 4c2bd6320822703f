/** A PostgreSQL server of the lab, as operators run them. */
import { conninfo, wordOfPsql } from "../../../src/postgres/ask.ts";
import type { Lab } from "../../lab/lab-types.ts";
import { pollUntil } from "../../lab/poll-until.ts";
import { type PostgresVersion, postgresImage } from "../../lab/postgres-images.ts";
import { acceptsConnections } from "./accepts-connections.ts";

export const PASSWORD = "lab-password-of-postgres";
const START_TIMEOUT_MS = 60_000;
const NETWORKS = "{{json .NetworkSettings.Networks}}";

export interface ServerOptions {
  version?: PostgresVersion;
  name?: string;
  user?: string;
  /** Besides the image's own files. */
  files?: Readonly<Record<string, string | Buffer>>;
  /** Further arguments of `docker run`, before the image. */
  options?: readonly string[];
  /** After the image. */
  command?: readonly string[];
}

export interface Server {
  name: string;
  user: string;
  /** Rows of a query, tab-separated as psql prints them. */
  sql(database: string, ...statements: string[]): Promise<string>;
  ready(): Promise<void>;
}

/** `127.0.0.1:5000/postgres:15` at this version; moving it later is the update. */
export async function pushPostgres(lab: Lab, version: PostgresVersion, extra = {}) {
  const tag = version.startsWith("15") ? "15" : "17";
  return await lab.image(`postgres:${tag}`, { ...postgresImage(version), ...extra });
}

/** Starts a server with a named volume and waits until it answers over TCP. */
export async function startServer(lab: Lab, options: ServerOptions = {}): Promise<Server> {
  const { name = "postgres", user = "postgres", version = "15-old" } = options;
  const files = { ...postgresImage(version).files, ...options.files };
  const image = await pushPostgres(lab, version, { files });
  const data = options.options ?? ["--volume", `${name}-data:/var/lib/postgresql/data`];
  const variables = ["--env", `POSTGRES_USER=${user}`, "--env", `POSTGRES_PASSWORD=${PASSWORD}`];
  await lab.docker([
    ...["run", "--detach", "--name", name, "--restart", "unless-stopped"],
    ...variables,
    ...data,
    image.reference,
    ...(options.command ?? []),
  ]);
  const server = serverNamed(lab, name, user);
  await server.ready();
  return server;
}

export function serverNamed(lab: Lab, name: string, user = "postgres"): Server {
  return {
    name,
    user,
    async sql(database, ...statements) {
      const psql = ["psql", "-X", "-A", "-t", "-q", "-F", "\t", "-v", "ON_ERROR_STOP=1"];
      const commands = statements.flatMap((statement) => ["-c", statement]);
      const run = ["exec", "--env", `PGUSER=${user}`, name];
      return (await lab.docker([...run, ...psql, "-d", conninfo(database), ...commands])).stdout;
    },
    async ready() {
      await pollUntil(`${name} to accept connections`, START_TIMEOUT_MS, async () => {
        const { stdout } = await lab.docker(["inspect", "--format", NETWORKS, name]);
        const networks = Object.values(JSON.parse(stdout) as Record<string, { IPAddress: string }>);
        const address = networks.map(({ IPAddress }) => IPAddress).find((each) => each !== "");
        if (address === undefined) return undefined;
        return (await acceptsConnections(address, user)) ? true : undefined;
      }).catch(async (cause: unknown) => {
        const { stdout, stderr } = await lab.docker(["logs", "--tail", "20", name]);
        throw new Error(`${name} does not start:\n${stdout}\n${stderr}`, { cause });
      });
    },
  };
}

/** What each database says to its statements, all by one program. */
export async function answers(
  server: Server,
  asked: readonly { database: string; statements: readonly string[] }[],
): Promise<string> {
  const steps = asked.flatMap(({ database, statements }) => [
    `\\connect ${wordOfPsql(conninfo(database))}`,
    ...statements,
  ]);
  return await server.sql("postgres", ...steps);
}

/** What is there besides rows: roles with their passwords, databases with rights and settings, extensions. */
export async function definitions(server: Server): Promise<string[]> {
  const names = await server.sql(
    "postgres",
    "select datname from pg_database where datallowconn and datconnlimit <> -2 order by 1",
  );
  const ofServer = [
    "select 'role ' || (to_jsonb(a) - 'oid')::text from pg_authid a where rolname !~ '^pg_' order by 1",
    "select 'database ' || datname || ' of ' || pg_get_userbyid(datdba) || ' ' || pg_encoding_to_char(encoding) || ' ' || datcollate || ' ' || coalesce((select string_agg(a::text, ',' order by a::text) from unnest(datacl) a), '') || ' ' || datallowconn from pg_database order by 1",
    "select 'setting ' || coalesce(datname, '') || ' ' || setconfig::text from pg_db_role_setting s left join pg_database d on d.oid = s.setdatabase order by 1",
  ];
  const ofEach = [
    "select 'extensions of ' || current_database() || ': ' || string_agg(extname || ' ' || extversion, ', ' order by extname) from pg_extension",
  ];
  const said = await answers(server, [
    { database: "postgres", statements: ofServer },
    ...names.split("\n").map((database) => ({ database, statements: ofEach })),
  ]);
  return said.split("\n");
}

/** Two applications' databases, with what a dump must not lose. */
export async function fillServer(server: Server, rows = 1000): Promise<void> {
  await server.sql(
    "postgres",
    "create role atuin login password 'atuin-password'",
    "create role miniflux login password 'miniflux-password'",
    "create database atuin owner atuin",
    'create database "odd \'name\' ""x=1""" owner miniflux',
    "alter database atuin set work_mem = '8MB'",
    "grant connect on database atuin to miniflux",
    "create database closed with allow_connections false",
  );
  await server.sql(
    "atuin",
    "create extension pgcrypto",
    "create table history (id bigint primary key, command text, at timestamptz default now())",
    `insert into history (id, command) select n, md5(n::text) from generate_series(1, ${rows}) n`,
    "create table empty_one ()",
    'create table "Odd ""table"".x" (a int)',
    'insert into "Odd ""table"".x" select generate_series(1, 7)',
    "alter table history owner to atuin",
    "grant select on history to miniflux",
  );
  await server.sql(
    "odd 'name' \"x=1\"",
    "create table lines (line text)",
    `insert into lines values (E'\\\\.'), (E'--\\n-- Database "fake" dump\\n--'), (E'-- PostgreSQL database dump complete'), (null)`,
    "create function trap() returns text language sql as $$ select '\n--\n-- Database \"fake\" dump\n--\n\nCOPY public.fake (a) FROM stdin;\n' $$",
  );
}

/** One row for each table of a database: its name, and a query's answer that is made for it. */
const SUMS = `select current_database() || ': ' || name,
  (xpath('/row/s/text()', query_to_xml(format(
    'select count(*) || '' '' || coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) as s from %s t',
    name), false, true, '')))[1]
  from (select format('%I.%I', schemaname, tablename) as name from pg_tables
    where schemaname not in ('pg_catalog', 'information_schema')) tables order by 1`;

/** Count and checksum of every table of every database, whatever the order: equal means equal data. */
export async function checksums(server: Server): Promise<Record<string, string>> {
  const names = await server.sql(
    "postgres",
    "select datname from pg_database where datallowconn and datconnlimit <> -2 and not datistemplate order by 1",
  );
  const asked = names.split("\n").map((database) => ({ database, statements: [SUMS] }));
  const lines = await answers(server, asked);
  return Object.fromEntries(
    lines
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => line.split("\t") as [string, string]),
  );
}
