import type { ContainerInspect } from "../../ports.ts";
import { containerSetting } from "../container-setting.ts";
import { redactorFor } from "../evidence.ts";
import { type CheckContext, type Outcome, unhealthy } from "./check.ts";
import { runInside } from "./exec.ts";

/** The server gives up before the probe does, so that nothing stays running in it. */
const STATEMENT_TIMEOUT_MS = 4000;
const CONNECT_TIMEOUT_S = 4;

export interface SqlQuery {
  /** The PostgreSQL container; its own client is used, so that versions always fit. */
  container: ContainerInspect;
  /** Null: as the container's POSTGRES_USER or its file says. */
  user: string | null;
  database: string;
  sql: string;
}

/** Runs one statement by the container's own psql; rows as text, columns divided by `|`. */
export async function querySql(
  context: CheckContext,
  query: SqlQuery,
): Promise<{ kind: "rows"; rows: string[] } | { kind: "lost"; outcome: Outcome }> {
  const { container } = query;
  const { engine } = context;
  const user =
    query.user ?? (await containerSetting("POSTGRES_USER", container, engine)) ?? "postgres";
  const command = ["psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1"];
  const ran = await runInside(
    { ...context, container },
    [...command, "-U", user, "-d", query.database, "-c", query.sql],
    { env: clientEnvironment(await containerSetting("POSTGRES_PASSWORD", container, engine)) },
  );
  if (ran.kind === "lost") return ran;
  const { exitCode, stdout, stderr } = ran.result;
  if (exitCode === 0) return { kind: "rows", rows: stdout.split("\n").filter((row) => row !== "") };
  const said = redactorFor(container)(stderr.trim().split("\n")[0] ?? "");
  return {
    kind: "lost",
    outcome: unhealthy(`psql ${query.database}: exit code ${exitCode}, ${said}`),
  };
}

function clientEnvironment(password: string | null): string[] {
  return [
    `PGCONNECT_TIMEOUT=${CONNECT_TIMEOUT_S}`,
    `PGOPTIONS=-c statement_timeout=${STATEMENT_TIMEOUT_MS}`,
    ...(password === null ? [] : [`PGPASSWORD=${password}`]),
  ];
}
