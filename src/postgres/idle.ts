import { POSTGRES_BUSY } from "../errors.ts";
import type { Clock } from "../ports.ts";
import type { PostgresClient } from "./client.ts";

/** A session of somebody else. */
export interface Session {
  pid: number;
  database: string | null;
  user: string | null;
  application: string | null;
  address: string | null;
  state: string | null;
}

const SESSIONS = `select pid, datname as database, usename as "user",
  application_name as application, host(client_addr) as address, state
  from pg_stat_activity
  where backend_type in ('client backend', 'walsender') and pid <> pg_backend_pid()
    and application_name <> 'pratique'`;
const BUSY = `select (select count(*) from pg_prepared_xacts) as prepared,
  (select count(*) from pg_replication_slots where active) as slots,
  (select count(*) from pg_stat_progress_basebackup) as backups`;
const IDLE_TIMEOUT_MS = 60_000;
/** Connection pools come back within moments. */
const QUIET_MS = 2000;
const POLL_MS = 500;

/** Who is connected now. */
export async function listSessions(client: PostgresClient): Promise<Session[]> {
  return await client.rows<Session>("postgres", SESSIONS);
}

/**
 * Waits until nobody has been connected for two seconds. Throws POSTGRES_BUSY with who still is
 * after a minute: ending other people's sessions is not ours to do.
 */
export async function awaitIdle(
  client: PostgresClient,
  clock: Clock,
  nameOfAddress: (address: string) => string | null,
): Promise<void> {
  const startMs = clock.monotonicMs();
  let quietSinceMs: number | null = null;
  for (;;) {
    const reasons = await whyBusy(client, nameOfAddress);
    const nowMs = clock.monotonicMs();
    if (reasons.length > 0) quietSinceMs = null;
    else quietSinceMs ??= nowMs;
    if (quietSinceMs !== null && nowMs - quietSinceMs >= QUIET_MS) return;
    if (nowMs - startMs > IDLE_TIMEOUT_MS) {
      throw POSTGRES_BUSY(client.container.Name.slice(1), reasons.slice(0, 5).join("; "));
    }
    await clock.sleep(POLL_MS);
  }
}

/** Who or what still uses the server; empty when nobody does. */
export async function whyBusy(
  client: PostgresClient,
  nameOfAddress: (address: string) => string | null,
): Promise<string[]> {
  const sessions = await listSessions(client);
  const reasons = sessions.map((session) => sessionText(session, nameOfAddress));
  const [busy] = await client.rows<{ prepared: number; slots: number; backups: number }>(
    "postgres",
    BUSY,
  );
  if ((busy?.prepared ?? 0) > 0) reasons.push(`${busy?.prepared} prepared transactions`);
  if ((busy?.slots ?? 0) > 0) reasons.push(`${busy?.slots} active replication slots`);
  if ((busy?.backups ?? 0) > 0) reasons.push("a base backup is running");
  return reasons;
}

/** `hedgedoc (172.18.0.5) as hedgedoc in hedgedoc`. */
export function sessionText(
  { address, user, database, application }: Session,
  nameOfAddress: (address: string) => string | null,
): string {
  const known = address === null ? "a local client" : nameOfAddress(address);
  const who = known === null ? (address ?? "") : address === null ? known : `${known} (${address})`;
  const what = application === null || application === "" ? "" : `, ${application}`;
  return `${who} as ${user ?? "?"} in ${database ?? "no database"}${what}`;
}
