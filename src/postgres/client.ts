import { POSTGRES_QUERY_FAILED } from "../errors.ts";
import type { ContainerInspect, Engine, ExecOptions, ExecResult } from "../ports.ts";
import { containerSetting } from "../services/container-setting.ts";
import { oneLine, redactorFor } from "../services/evidence.ts";

const CONNECT_TIMEOUT_S = 10;
const DEFAULT_QUERY_MS = 60_000;

/** Talks to one server by its container's own client programs, so that versions always fit. */
export interface PostgresClient {
  readonly container: ContainerInspect;
  readonly user: string;
  /** Rows of one SELECT as objects; names and values of any kind survive. */
  rows<Row>(database: string, select: string, timeoutMs?: number): Promise<Row[]>;
  /** Statements without an answer, each on its own. Never for names from outside: quote them. */
  execute(database: string, statements: readonly string[], timeoutMs?: number): Promise<void>;
  /** A client program with connection options in its environment. */
  run(command: readonly string[], options: Omit<ExecOptions, "env">): Promise<ExecResult>;
}

/**
 * Finds the superuser as the official image does (`user` of the configuration, POSTGRES_USER or
 * its _FILE) and the password where one is set. Throws what the engine throws.
 */
export async function connect(
  container: ContainerInspect,
  user: string | null,
  engine: Engine,
): Promise<PostgresClient> {
  const name = user ?? (await containerSetting("POSTGRES_USER", container, engine)) ?? "postgres";
  const password = await containerSetting("POSTGRES_PASSWORD", container, engine);
  const env = [
    `PGUSER=${name}`,
    `PGCONNECT_TIMEOUT=${CONNECT_TIMEOUT_S}`,
    "PGAPPNAME=pratique",
    ...(password === null ? [] : [`PGPASSWORD=${password}`]),
  ];
  const redact = redactorFor(container);

  async function run(command: readonly string[], options: Omit<ExecOptions, "env">) {
    return await engine.exec(container.Id, command, { ...options, env });
  }

  async function psql(database: string, sql: readonly string[], timeoutMs: number) {
    const timeout = `SET statement_timeout = ${timeoutMs};`;
    const result = await run(
      [
        ...["psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", conninfo(database)],
        ...[timeout, ...sql].flatMap((statement) => ["-c", statement]),
      ],
      { timeoutMs: timeoutMs + 15_000 },
    );
    if (result.exitCode === 0) return result.stdout;
    const said = oneLine(redact(result.stderr), 300);
    throw POSTGRES_QUERY_FAILED(container.Name.slice(1), database, said);
  }

  return {
    container,
    user: name,
    run,
    async rows(database, select, timeoutMs = DEFAULT_QUERY_MS) {
      const json = `select coalesce(json_agg(r), '[]'::json) from (${select}) as r`;
      return JSON.parse(await psql(database, [json], timeoutMs));
    },
    async execute(database, statements, timeoutMs = DEFAULT_QUERY_MS) {
      await psql(database, statements, timeoutMs);
    },
  };
}

/** A database's name as libpq takes it, whatever it looks like (`a=b`, `postgres://x`). */
export function conninfo(database: string): string {
  return `dbname='${database.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

/** An identifier as SQL has it. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text constant as SQL has it, whatever `standard_conforming_strings` says. */
export function quoteText(text: string): string {
  return ` E'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
}
