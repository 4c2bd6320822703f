/** A fresh cluster inside a helper container, filled from a dump and compared with it. */
import type { Readable } from "node:stream";
import { RESTORE_FAILED } from "../errors.ts";
import type { DumpReading, Engine, ExecResult } from "../ports.ts";
import { oneLine } from "../services/evidence.ts";
import { type Asking, askAll, conninfo, doAll, type Question } from "./ask.ts";
import { rowProblems } from "./compare-rows.ts";
import type { DumpContents } from "./dump-scan.ts";
import type { Helper } from "./helper.ts";
import { LONGEST_RESTORE_MS } from "./open-dump.ts";

const START_TIMEOUT_MS = 120_000;
const COMPARE_TIMEOUT_MS = 60 * 60_000;
/** psql tells every statement that failed in one such line; in English, see ENGLISH. */
const TROUBLE = /\b(ERROR|FATAL|PANIC):\s+(.*)$/;
/** For a session nothing beats this: no configuration, and no setting of a role or a database. */
const ENGLISH = "PGOPTIONS=-c lc_messages=C";
const TRUST = "local all all trust\n";

export interface FreshClusterRequest {
  /** Made by initdb; must not exist or be empty. */
  folder: string;
  superuser: string;
  /** `uid:gid` that the server runs as. */
  owner: string;
  /** Locale, encoding, checksums. */
  initArguments: readonly string[];
  /** `-c name=value` pairs that extensions need. */
  serverArguments: readonly string[];
  /** Copies configuration into the folder before the server starts; null: defaults. */
  configurationFrom: string | null;
}

/** A running server in a helper that only its own socket reaches. */
export interface FreshCluster {
  /** The rows of every question, in their order. */
  ask(questions: readonly Question[]): Promise<Record<string, unknown>[][]>;
  /** Statements without an answer, each on its own. Never for names from outside: quote them. */
  execute(database: string, statements: readonly string[]): Promise<void>;
  /** Runs a client program with its connection. */
  client(
    command: readonly string[],
    options?: Partial<Parameters<Engine["exec"]>[2]>,
  ): Promise<ExecResult>;
}

/**
 * Nothing needs to survive a power cut before the whole cluster is complete: who keeps it flushes it
 * then (run-restore does), and until then it is made anew.
 */
const FAST = ["fsync=off", "full_page_writes=off", "synchronous_commit=off", "autovacuum=off"];

/**
 * Makes the cluster, starts it, lets the work happen, stops it cleanly. Its files are not flushed
 * to the disk.
 */
export async function withFreshCluster<Result>(
  helper: Helper,
  request: FreshClusterRequest,
  engine: Engine,
  work: (cluster: FreshCluster) => Promise<Result>,
): Promise<Result> {
  const { folder, owner, superuser } = request;
  const socket = "/tmp/pratique-socket";
  const hba = "/tmp/pratique-hba";
  const prepare = `set -eu
mkdir -p "$1" "$2"
chown "$4" "$1" "$2"
chmod 0700 "$1" "$2"
printf '%s' "$5" > "$3"
chmod 0644 "$3"`;
  await helper.run(["/bin/sh", "-c", prepare, "prepare", folder, socket, hba, owner, TRUST]);
  const init = ["initdb", "--no-sync", "-D", folder, `--username=${superuser}`, "--auth=trust"];
  await helper.run([...init, ...request.initArguments], { user: owner, timeoutMs: 10 * 60_000 });
  if (request.configurationFrom !== null) await carryConfiguration(helper, request);
  // Carried configuration may name the real server's places; the command's own words beat it.
  const settings = [
    ...request.serverArguments,
    ...["-c", `data_directory=${folder}`, "-c", "logging_collector=off"],
    ...["-c", "listen_addresses=", "-c", `unix_socket_directories=${socket}`],
    ...["-c", `hba_file=${hba}`, "-c", "archive_mode=off", "-c", "port=5432", "-c", "ssl=off"],
    // What it says before a session has begun.
    ...["-c", "lc_messages=C"],
    ...FAST.flatMap((setting) => ["-c", setting]),
  ];
  const stopped = new AbortController();
  const command = ["postgres", "-D", folder, ...settings];
  const server = engine
    .exec(helper.id, command, {
      timeoutMs: LONGEST_RESTORE_MS,
      user: owner,
      signal: stopped.signal,
    })
    .catch((error: unknown) => ({
      exitCode: -1,
      stdout: "",
      stderr: error instanceof Error ? error.message : String(error),
    }));
  const place = [`PGHOST=${socket}`, "PGPORT=5432"];
  const env = [...place, `PGUSER=${superuser}`, "PGAPPNAME=pratique", ENGLISH];
  const client: FreshCluster["client"] = async (words, options = {}) =>
    await engine.exec(helper.id, words, { timeoutMs: LONGEST_RESTORE_MS, ...options, env });
  const asking: Asking = {
    run: (psql) => client(psql, { timeoutMs: COMPARE_TIMEOUT_MS }),
    statementMs: null,
    failure: (_database, said) => RESTORE_FAILED(oneLine(said, 300)),
  };
  const cluster: FreshCluster = {
    client,
    ask: async (questions) => await askAll(questions, asking),
    async execute(database, statements) {
      const steps = statements.map((sql) => ({ database, sql }));
      await doAll(steps, asking);
    },
  };
  try {
    await awaitServer(client, server);
    await needOwnFolder(cluster, folder);
    return await work(cluster);
  } finally {
    await engine
      .exec(helper.id, ["pg_ctl", "-D", folder, "-m", "fast", "-w", "-t", "600", "stop"], {
        timeoutMs: 11 * 60_000,
        user: owner,
      })
      .catch(() => {});
    stopped.abort();
    await server;
  }
}

async function carryConfiguration(
  helper: Helper,
  { folder, configurationFrom }: FreshClusterRequest,
): Promise<void> {
  const script = `set -eu
cd "$1"
for each in postgresql*.conf pg_hba.conf pg_ident.conf conf.d *.crt *.key *.pem *.crl; do
  if [ -e "$each" ]; then cp -pR "$each" "$2/"; fi
done
# An empty place has none; initdb's own would let everybody in who is local, and nobody else.
if [ ! -e pg_hba.conf ]; then
  printf 'local all all trust\\nhost all all all scram-sha-256\\n' > "$2/pg_hba.conf"
fi`;
  await helper.run(["/bin/sh", "-c", script, "configuration", configurationFrom ?? "", folder]);
}

async function awaitServer(
  client: FreshCluster["client"],
  server: Promise<ExecResult>,
): Promise<void> {
  const startMs = performance.now();
  let ended: ExecResult | null = null;
  server.then(
    (result) => {
      ended = result;
    },
    () => {},
  );
  while (performance.now() - startMs < START_TIMEOUT_MS) {
    const end = ended as ExecResult | null;
    if (end !== null) throw RESTORE_FAILED(`its server ended: ${oneLine(end.stderr, 300)}`);
    const ready = await client(["pg_isready", "-q"], { timeoutMs: 10_000 });
    if (ready.exitCode === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  throw RESTORE_FAILED(`its server did not answer within ${START_TIMEOUT_MS / 1000} s`);
}

const PLACE = "select current_setting('data_directory') as place";

/** Whatever the reason: nothing is fed to a server that stands on other data. */
async function needOwnFolder(cluster: FreshCluster, folder: string): Promise<void> {
  const [rows] = await cluster.ask([{ database: "postgres", select: PLACE }]);
  const place = rows?.[0]?.place;
  if (place !== folder) throw RESTORE_FAILED(`its server runs on ${place}, not on ${folder}`);
}

/** Where psql begins, and what may be there or be missing before the text makes it. */
export interface PlainTarget {
  database: string;
  superuser: string;
  /** A database that the text drops before it creates it. */
  created?: string | null;
}

/** Restores a plain dump by psql, streamed. Throws RESTORE_FAILED. */
export async function restorePlain(
  cluster: FreshCluster,
  reading: DumpReading,
  into: PlainTarget,
): Promise<void> {
  await runPlain(cluster, reading.content, into);
  await reading.end().catch((error: unknown) => {
    throw RESTORE_FAILED.because(error, "psql ended before the end of the dump");
  });
}

/**
 * Runs what pg_dump or pg_dumpall wrote. Only those errors are accepted that a fresh cluster must
 * give: two for the superuser (facts/postgres section 9), one where `--clean` drops without asking
 * whether there is anything. Throws RESTORE_FAILED with the first others.
 */
export async function runPlain(
  cluster: FreshCluster,
  content: Readable,
  { database, superuser, created = null }: PlainTarget,
): Promise<void> {
  const psql = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=0", "-o", "/dev/null"];
  const result = await cluster.client([...psql, "-d", conninfo(database)], { stdin: content });
  const accepted = new Set([
    "ERROR: current user cannot be dropped",
    `ERROR: role "${superuser}" already exists`,
    ...(created === null ? [] : [`ERROR: database "${created}" does not exist`]),
  ]);
  const errors = result.stderr
    .split("\n")
    .map((line) => TROUBLE.exec(line) ?? [])
    .filter(([, severity, text]) => text !== undefined && !accepted.has(`${severity}: ${text}`))
    .map(([, , text = ""]) => oneLine(text));
  if (errors.length > 0) throw RESTORE_FAILED(errors.slice(0, 3).join("; "));
  if (result.exitCode !== 0) throw RESTORE_FAILED(`psql ended with ${result.exitCode}`);
}

/** Restores a custom-format dump by pg_restore; it must end without any error. */
export async function restoreCustom(
  cluster: FreshCluster,
  reading: DumpReading,
  database: string,
): Promise<void> {
  const command = ["pg_restore", "--exit-on-error", "--no-owner", "--no-acl"];
  const result = await cluster.client([...command, "-d", conninfo(database)], {
    stdin: reading.content,
  });
  if (result.exitCode !== 0) throw RESTORE_FAILED(oneLine(result.stderr, 300));
}

/** Compares a restored cluster with what the dump's own text says. Throws RESTORE_FAILED. */
export async function compareWithDump(
  cluster: FreshCluster,
  contents: DumpContents,
): Promise<void> {
  const problems: string[] = [];
  const names = await cluster.ask([
    { database: "postgres", select: "select datname as name from pg_database" },
    { database: "postgres", select: "select rolname as name from pg_roles" },
  ]);
  const [there, restoredRoles] = names.map((rows) => new Set(rows.map(({ name }) => name)));
  for (const role of contents.roles) {
    if (restoredRoles?.has(role) !== true) problems.push(`role ${role} is missing`);
  }
  const expected = contents.databases.flatMap(({ name, tables }) => {
    const database = name ?? "postgres";
    if (there?.has(database) === true) return tables.map((table) => ({ database, ...table }));
    problems.push(`database ${database} is missing`);
    return [];
  });
  problems.push(...(await rowProblems(expected, cluster.ask)));
  if (problems.length > 0) throw RESTORE_FAILED(problems.slice(0, 5).join("; "));
}

/** Statistics do not come with a dump; without them plans are bad. */
export async function analyse(cluster: FreshCluster): Promise<void> {
  const result = await cluster.client(["vacuumdb", "--all", "--analyze-only", "--quiet"]);
  if (result.exitCode !== 0) throw RESTORE_FAILED(oneLine(result.stderr, 300));
}

/** Places and doors of the real server are not for the one beside it. */
const NOT_CARRIED =
  /^(config_file|hba_file|ident_file|data_directory|listen_addresses|port|ssl\w*)=/;

/** Settings in the container's own command: libraries that extensions need are among them. */
export function settingsOf(command: readonly string[]): string[] {
  const settings: string[] = [];
  for (const [at, word] of command.entries()) {
    const setting = word === "-c" ? command[at + 1] : /^--([a-z][\w.-]*=.*)$/s.exec(word)?.[1];
    const plain = setting?.replace(/^[^=]*/, (name) => name.replaceAll("-", "_"));
    if (plain !== undefined && !NOT_CARRIED.test(plain)) settings.push("-c", plain);
  }
  return settings;
}
