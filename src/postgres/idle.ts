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
// A base backup runs in a walsender, so it is among the sessions.
const PREPARED = "select gid, owner, database from pg_prepared_xacts order by prepared";
const SLOTS = "select slot_name as name from pg_replication_slots where active order by 1";
/** In one query: the server is waited for while its dependents are down. */
const USE = `select ${[
  ["sessions", SESSIONS],
  ["prepared", PREPARED],
  ["slots", SLOTS],
]
  .map(([name, select]) => `(select coalesce(json_agg(r), '[]') from (${select}) r) as ${name}`)
  .join(", ")}`;
interface Use {
  sessions: Session[];
  prepared: { gid: string; owner: string; database: string }[];
  slots: { name: string }[];
}

const IDLE_TIMEOUT_MS = 60_000;
/** Connection pools come back within moments. */
const QUIET_MS = 2000;
const POLL_MS = 1000;
const MOST_NAMED = 10;

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
      throw POSTGRES_BUSY(client.container.Name.slice(1), reasons.slice(0, MOST_NAMED).join("; "));
    }
    await clock.sleep(POLL_MS);
  }
}

/** Who or what still uses the server; empty when nobody does. */
export async function whyBusy(
  client: PostgresClient,
  nameOfAddress: (address: string) => string | null,
): Promise<string[]> {
  const [use] = await client.rows<Use>("postgres", USE);
  const { sessions = [], prepared = [], slots = [] } = use ?? {};
  return [
    ...sessions.map((session) => sessionText(session, nameOfAddress)),
    ...prepared.map(
      ({ gid, owner, database }) => `the prepared transaction ${gid} of ${owner} in ${database}`,
    ),
    ...slots.map(({ name }) => `the active replication slot ${name}`),
  ];
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
