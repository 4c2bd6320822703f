/**
 * Everything that must be right before the first container is stopped (DESIGN section 10). A hold
 * here costs no downtime.
 */
import { posix } from "node:path";
import { OperatorError } from "../errors.ts";
import type { HoldReason } from "../policy/decision.ts";
import type { RunContext } from "../update/context.ts";
import type { Group, Member } from "../update/group.ts";
import type { PulledImage } from "../update/pull.ts";
import type { Refusal } from "../update/refusal.ts";
import { formatBytes } from "../values/bytes.ts";
import { type ClusterFacts, isSuperuser, majorOf, readCluster, unreachable } from "./baseline.ts";
import { connect, type PostgresClient } from "./client.ts";
import { findCompanions, undeclaredDependents } from "./companions.ts";
import { findDataMount } from "./data-mount.ts";
import { withBackupFiles } from "./dump-store.ts";
import { removeHelpers } from "./helper.ts";
import { listSessions, sessionText } from "./idle.ts";
import { readImageFacts } from "./image-facts.ts";
import { otherUser } from "./other-user.ts";
import type { Companion, PostgresPlan } from "./postgres-plan.ts";
import { isPostgres, type PostgresServer } from "./servers.ts";

const RESERVE_BYTES = 256 * 1024 * 1024;
const MEASURE_TIMEOUT_MS = 10 * 60_000;

/** Whether a group goes through the PostgreSQL procedure. */
export function isPostgresGroup({ members }: Group): boolean {
  return members.some(({ settings, reference }) => isPostgres(settings, reference.text));
}

/** The PostgreSQL part of the plan, or why the update must wait. Touches nothing in service. */
export async function preflight(
  group: Group,
  pulled: PulledImage,
  context: RunContext,
): Promise<PostgresPlan | Refusal> {
  const [member, ...others] = group.members;
  if (others.length > 0) {
    const names = group.members.map(({ container }) => container).join(", ");
    return hold("postgres", `${names} share ${group.reference.text}; give each its own tag`);
  }
  const folder = context.config.backups.postgres;
  if (folder === null) {
    return hold("postgres", "backups.postgres is not set: nothing is updated without a dump");
  }
  try {
    const images = await compareImages(member, pulled, context);
    return images ?? (await inspectServer(member, folder, context));
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    return hold("postgres", error.message);
  }
}

function hold(reason: HoldReason, why: string): Refusal {
  return { kind: "hold", reason, why };
}

async function compareImages(
  member: Member,
  pulled: PulledImage,
  { ports, config }: RunContext,
): Promise<Refusal | null> {
  const { engine } = ports;
  await removeHelpers("preflight", engine);
  const former = await readImageFacts(member.inspect.Image, "former", engine);
  const candidate = await readImageFacts(pulled.image.Id, "candidate", engine);
  if (former.major === null || candidate.major === null) {
    const which = former.major === null ? "running" : "new";
    return hold("postgres", `the ${which} image does not say which PostgreSQL it holds`);
  }
  if (former.major !== candidate.major) {
    return hold(
      "postgres-major",
      `PostgreSQL ${former.major} → ${candidate.major} is a major upgrade: it needs a dump and a restore into a new volume. docs/postgres-major.md has the commands; pin the tag to ${former.major} until then.`,
    );
  }
  if (former.distribution === candidate.distribution && former.libc === candidate.libc) return null;
  const user = config.services[member.service]?.user ?? "postgres";
  return hold(
    "postgres-collation",
    `the image changes from ${former.distribution} (${former.libc}) to ${candidate.distribution} (${candidate.libc}); texts may sort differently, and indexes on them give wrong answers. Pin the former distribution's tag, or update by hand and run in each database, before its apps write: REINDEX DATABASE; ALTER DATABASE … REFRESH COLLATION VERSION (as ${user}).`,
  );
}

async function inspectServer(
  member: Member,
  folder: string,
  context: RunContext,
): Promise<PostgresPlan | Refusal> {
  const { engine } = context.ports;
  const settings = member.settings;
  const client = await connect(member.inspect, settings?.user ?? null, engine);
  if (!(await isSuperuser(client))) {
    return hold("postgres", `${client.user} is no superuser; set user: to one that is`);
  }
  const baseline = await readCluster(client);
  const unsafe = await whyUnsafe(client, baseline);
  if (unsafe !== null) return hold("postgres", unsafe);
  const mount = findDataMount(member.inspect, baseline.dataDirectory);
  if ("why" in mount) return hold("postgres", mount.why);
  const sharer = await otherUser(member.inspect, mount, context);
  if (sharer !== null) {
    return hold(
      "postgres",
      `${sharer} has the same data directory mounted; two servers destroy it`,
    );
  }
  const withColdCopy = settings?.dataBackup ?? true;
  const tooLittle = await whyNoSpace(client, baseline, { folder, withColdCopy }, context);
  if (tooLittle !== null) return { kind: "hold", reason: "disk-space", why: tooLittle };
  const server: PostgresServer = { ...member };
  const companions = await findCompanions(server, context);
  tellTroubles(server, baseline, context);
  await nameUnknownClients(client, server, companions, context);
  return {
    user: settings?.user ?? null,
    folder,
    baseline,
    dataMount: mount,
    companions,
    withColdCopy,
    withDrill: settings?.restoreDrill ?? false,
    dumpPath: null,
    snapshotPath: null,
    failedDataPath: null,
    stoppedAtMs: null,
  };
}

async function whyUnsafe(client: PostgresClient, baseline: ClusterFacts): Promise<string | null> {
  if (baseline.isInRecovery) return "the server is a standby or still recovers; update its primary";
  if (baseline.tablespaces.length > 0) {
    return `tablespaces lie outside the data directory (${baseline.tablespaces.join(", ")}); pratique does not copy those, update by hand`;
  }
  const wal = posix.join(baseline.dataDirectory, "pg_wal");
  const link = await client.run(["readlink", "--", wal], { timeoutMs: 10_000 });
  if (link.exitCode === 0 && link.stdout.trim() !== "") {
    return `the write-ahead log lies outside the data directory (${link.stdout.trim()}); pratique does not copy that, update by hand`;
  }
  return majorOf(baseline) < 10 ? `PostgreSQL ${baseline.serverVersion} is too old` : null;
}

async function whyNoSpace(
  client: PostgresClient,
  baseline: ClusterFacts,
  { folder, withColdCopy }: { folder: string; withColdCopy: boolean },
  { ports }: RunContext,
): Promise<string | null> {
  await withBackupFiles(folder, () => ports.dumpFiles.makeFolder(folder));
  const dumpBytes = baseline.databases.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  let copyBytes = 0;
  if (withColdCopy) {
    const measure = ["du", "-sk", "--", baseline.dataDirectory];
    const measured = await client.run(measure, { timeoutMs: MEASURE_TIMEOUT_MS });
    copyBytes = Number.parseInt(measured.stdout, 10) * 1024 || dumpBytes;
  }
  const neededBytes = dumpBytes + copyBytes + RESERVE_BYTES;
  const freeBytes = await ports.disk.freeBytes(folder);
  if (freeBytes === null || freeBytes >= neededBytes) return null;
  return `${folder} has ${formatBytes(freeBytes)} free; dump and copy may need ${formatBytes(neededBytes)}`;
}

/** What was wrong before the update does not hold it up, but somebody should know. */
function tellTroubles(server: PostgresServer, baseline: ClusterFacts, context: RunContext): void {
  const closed = unreachable(baseline);
  if (closed.length > 0) {
    note(server, `no dump has these, they refuse connections: ${closed.join(", ")}`, context);
  }
  const { collationMismatches, checksumFailures } = baseline;
  if (collationMismatches.length > 0) {
    const names = collationMismatches.join(", ");
    note(server, `texts may be sorted wrongly since an earlier update: ${names}`, context);
  }
  if (checksumFailures > 0) {
    note(server, `${checksumFailures} checksum failures are on record: data is damaged`, context);
  }
}

function note({ container }: PostgresServer, text: string, context: RunContext): void {
  context.progress({ kind: "note", text: `${container}: ${text}` });
  context.audit.write({ event: "note", container, outcome: text });
}

/** Said before anything stops: they will hold the update up, or lose their connection. */
async function nameUnknownClients(
  client: PostgresClient,
  server: PostgresServer,
  companions: readonly Companion[],
  context: RunContext,
): Promise<void> {
  const known = new Set(companions.map(({ container }) => container));
  const names = await addressBook(context);
  const unknown = (await listSessions(client))
    .filter(({ address }) => address === null || !known.has(names(address) ?? ""))
    .map((session) => sessionText(session, names));
  const undeclared = await undeclaredDependents(server, companions, context);
  const say = (text: string) => note(server, text, context);
  if (unknown.length > 0) {
    say(`connected, but no dependent of the configuration: ${[...new Set(unknown)].join("; ")}`);
  }
  if (undeclared.length > 0) {
    say(`depends on it by compose, but not in the configuration: ${undeclared.join(", ")}`);
  }
}

/** Names of containers by their network addresses. */
export async function addressBook({
  ports,
}: RunContext): Promise<(address: string) => string | null> {
  const names = new Map<string, string>();
  for (const { id, name } of await ports.engine.listContainers()) {
    const inspect = await ports.engine.inspectContainer(id);
    for (const network of Object.values(inspect?.NetworkSettings.Networks ?? {})) {
      for (const address of [network.IPAddress, network.GlobalIPv6Address]) {
        if (typeof address === "string" && address !== "") names.set(address, name);
      }
    }
  }
  return (address) => names.get(address) ?? null;
}
