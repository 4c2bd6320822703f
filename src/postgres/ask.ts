/** Questions to a server by its own psql: a program starts for many of them, not for each. */
import type { ExecResult } from "../ports.ts";

export interface Question {
  database: string;
  /** One SELECT; its answer is a list of rows. */
  select: string;
}

/** A statement without an answer, run on its own. Never with names from outside: quote them. */
export interface Statement {
  database: string;
  sql: string;
}

export interface Asking {
  /** Runs psql where its server is, with user and password in its environment. */
  run(command: readonly string[]): Promise<ExecResult>;
  /** Limit for each statement; null: none. */
  statementMs: number | null;
  /** The error for what psql said about the question in this database. */
  failure(database: string, said: string): Error;
}

/** A command line holds 2 MB, all words together. */
const MOST_BYTES = 500_000;

/** The rows of every question, in their order. Throws what `failure` makes at the first that fails. */
export async function askAll(
  questions: readonly Question[],
  asking: Asking,
): Promise<Record<string, unknown>[][]> {
  const answers: Record<string, unknown>[][] = [];
  for (const portion of portionsOf(questions)) {
    // jsonb, because its text has no line breaks: an answer is a line.
    const steps = portion.map(({ database, select }) => ({
      database,
      sql: `select coalesce(json_agg(r), '[]'::json)::jsonb from (${select}) as r`,
    }));
    const { exitCode, stdout, stderr } = await asking.run(commandFor(steps, asking.statementMs));
    const lines = stdout.split("\n").filter((line) => line !== "");
    if (exitCode !== 0 || lines.length !== steps.length) {
      throw asking.failure(steps[lines.length]?.database ?? "", stderr);
    }
    answers.push(...lines.map((line) => JSON.parse(line)));
  }
  return answers;
}

/** Runs the statements in turn; the first that fails ends it. */
export async function doAll(statements: readonly Statement[], asking: Asking): Promise<void> {
  const { exitCode, stderr } = await asking.run(commandFor(statements, asking.statementMs));
  if (exitCode !== 0) {
    const databases = [...new Set(statements.map(({ database }) => database))];
    throw asking.failure(databases.join(", "), stderr);
  }
}

function commandFor(steps: readonly Statement[], statementMs: number | null): string[] {
  const first = steps[0]?.database ?? "";
  const words = ["psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", conninfo(first)];
  const limit = statementMs === null ? [] : ["-c", `SET statement_timeout = ${statementMs}`];
  let connected = first;
  words.push(...limit);
  for (const { database, sql } of steps) {
    if (database !== connected) {
      words.push("-c", `\\connect ${wordOfPsql(conninfo(database))}`, ...limit);
      connected = database;
    }
    words.push("-c", sql);
  }
  return words;
}

function portionsOf(questions: readonly Question[]): Question[][] {
  const portions: Question[][] = [];
  let bytes = MOST_BYTES;
  for (const question of questions) {
    const own = Buffer.byteLength(question.select) + 2 * Buffer.byteLength(question.database) + 200;
    if (bytes + own > MOST_BYTES) {
      portions.push([]);
      bytes = 0;
    }
    portions.at(-1)?.push(question);
    bytes += own;
  }
  return portions;
}

/** A database's name as libpq takes it, whatever it looks like (`a=b`, `postgres://x`). */
export function conninfo(database: string): string {
  return `dbname='${database.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

/** A word of a psql command: it takes off C's escapes in single quotes, then SQL's double quotes. */
export function wordOfPsql(text: string): string {
  const escaped = text.replaceAll("\\", "\\\\").replaceAll("'", "\\'");
  return `'${escaped.replaceAll('"', '""""')}'`;
}
