import { RESTORE_FAILED } from "../errors.ts";
import { oneLine } from "../services/evidence.ts";
import type { PostgresClient } from "./client.ts";

/** What a dump of one database takes for granted, so that a throwaway cluster can take it. */
export interface ServerRoles {
  /** Made the cluster, cannot be dropped, and is the one that a fresh cluster begins with. */
  bootstrapSuperuser: string;
  /** All of them as pg_dumpall writes them, without passwords. */
  sql: string;
}

const BOOTSTRAP = "select pg_get_userbyid(10) as name";
const ROLES_TIMEOUT_MS = 60_000;

/** The roles of a server that answers. Throws RESTORE_FAILED, or what the engine throws. */
export async function readRoles(client: PostgresClient): Promise<ServerRoles> {
  const [row] = await client.rows<{ name: string }>("postgres", BOOTSTRAP);
  if (row === undefined) throw new Error("a select without table gives one row");
  const command = ["pg_dumpall", "--roles-only", "--no-role-passwords"];
  const result = await client.run(command, { timeoutMs: ROLES_TIMEOUT_MS });
  if (result.exitCode !== 0) throw RESTORE_FAILED(oneLine(result.stderr, 300));
  return { bootstrapSuperuser: row.name, sql: result.stdout };
}
