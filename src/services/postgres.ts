import { type Check, type CheckContext, healthy, unhealthy } from "./checks/check.ts";
import { runInside } from "./checks/exec.ts";
import { querySql } from "./checks/sql.ts";
import { containerFacts } from "./container-facts.ts";
import { defineService, namedLike } from "./define-service.ts";

/** Exit codes of pg_isready (PostgreSQL documentation, pg_isready). */
const READINESS: Readonly<Record<number, string>> = {
  1: "the server rejects connections: it starts up or recovers",
  2: "no server answers",
  3: "pg_isready made no attempt",
};

/**
 * PostgreSQL, official image and those built on it. The checks that compare before and after an
 * update belong to its own procedure (src/postgres/).
 */
export const postgres = defineService({
  name: "postgres",
  matches: namedLike(
    /^(postgres|postgresql|postgis|pgvector|pgvecto-rs|vchord-postgres|timescaledb)$/,
  ),
  routine: (context) => [readiness(context), answers(context), ...databases(context)],
  timeoutMs: 10 * 60_000,
});

/** Over TCP: the temporary server of a first start listens on the unix socket only. */
function readiness(context: CheckContext): Check {
  const port = containerFacts(context.container).variables.get("PGPORT") ?? "5432";
  return {
    name: "pg_isready",
    isRequired: true,
    run: async () => {
      const command = ["pg_isready", "-h", "127.0.0.1", "-p", port, "-t", "3"];
      const ran = await runInside(context, command);
      if (ran.kind === "lost") return ran.outcome;
      const { exitCode } = ran.result;
      if (exitCode === 0) return healthy(`pg_isready: accepts connections on port ${port}`);
      return unhealthy(`pg_isready: ${READINESS[exitCode] ?? `exit code ${exitCode}`}`);
    },
  };
}

function answers(context: CheckContext): Check {
  return {
    name: "SELECT 1",
    isRequired: true,
    run: async () => {
      const answer = await ask(context, "select 1");
      if (answer.kind === "lost") return answer.outcome;
      return answer.rows[0] === "1"
        ? healthy("SELECT 1: 1")
        : unhealthy(`SELECT 1: answered ${answer.rows.length} rows`);
    },
  };
}

function databases(context: CheckContext): Check[] {
  const expected = context.settings.databases;
  if (expected.length === 0) return [];
  const check: Check = {
    name: "databases",
    isRequired: true,
    run: async () => {
      const answer = await ask(context, "select datname from pg_database where datallowconn");
      if (answer.kind === "lost") return answer.outcome;
      const missing = expected.filter((name) => !answer.rows.includes(name));
      return missing.length === 0
        ? healthy(`databases: ${expected.join(", ")} exist`)
        : unhealthy(`databases: ${missing.join(", ")} missing`);
    },
  };
  return [check];
}

function ask(context: CheckContext, sql: string) {
  const { container, settings } = context;
  return querySql(context, { container, user: settings.user, database: "postgres", sql });
}
