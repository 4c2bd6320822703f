import { POSTGRES_QUERY_FAILED } from "../errors.ts";
import type { ContainerInspect, Engine, ExecOptions, ExecResult } from "../ports.ts";
import { containerSetting } from "../services/container-setting.ts";
import { oneLine, redactorFor } from "../services/evidence.ts";
import { type Asking, askAll, doAll, type Question, type Statement } from "./ask.ts";

const CONNECT_TIMEOUT_S = 10;
const DEFAULT_QUERY_MS = 60_000;

/** Talks to one server by its container's own client programs, so that versions always fit. */
export interface PostgresClient {
  readonly container: ContainerInspect;
  readonly user: string;
  /** Rows of one SELECT as objects; names and values of any kind survive. */
  rows<Row>(database: string, select: string, timeoutMs?: number): Promise<Row[]>;
  /** The same for many questions by one program, in their order; `timeoutMs` is for each. */
  ask(questions: readonly Question[], timeoutMs?: number): Promise<Record<string, unknown>[][]>;
  /** Statements without an answer, each on its own. Never for names from outside: quote them. */
  execute(database: string, statements: readonly string[], timeoutMs?: number): Promise<void>;
  /** The same in several databases, one after the other. */
  executeAll(statements: readonly Statement[], timeoutMs?: number): Promise<void>;
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

  function asking(count: number, timeoutMs: number): Asking {
    return {
      run: (command) => run(command, { timeoutMs: count * timeoutMs + 15_000 }),
      statementMs: timeoutMs,
      failure: (database, said) =>
        POSTGRES_QUERY_FAILED(container.Name.slice(1), database, oneLine(redact(said), 300)),
    };
  }

  async function ask(questions: readonly Question[], timeoutMs = DEFAULT_QUERY_MS) {
    return await askAll(questions, asking(questions.length, timeoutMs));
  }

  async function executeAll(statements: readonly Statement[], timeoutMs = DEFAULT_QUERY_MS) {
    await doAll(statements, asking(statements.length, timeoutMs));
  }

  return {
    container,
    user: name,
    run,
    async rows<Row>(database: string, select: string, timeoutMs?: number) {
      const [rows] = await ask([{ database, select }], timeoutMs);
      return rows as Row[];
    },
    ask,
    async execute(database, statements, timeoutMs) {
      await executeAll(
        statements.map((sql) => ({ database, sql })),
        timeoutMs,
      );
    },
    executeAll,
  };
}

/** An identifier as SQL has it. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text constant as SQL has it, whatever `standard_conforming_strings` says. */
export function quoteText(text: string): string {
  return ` E'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
}
