import { posix } from "node:path";
import { Readable } from "node:stream";
import { OperatorError, POSTGRES_UNKNOWN } from "../errors.ts";
import type { ContainerInspect } from "../ports.ts";
import type { RunContext } from "../update/context.ts";
import { connect, type PostgresClient } from "./client.ts";
import { createDatabase, type DatabaseProperties } from "./database-properties.ts";
import type { DumpContents, DumpedDatabase } from "./dump-scan.ts";
import { backupFolder, listStored } from "./dump-store.ts";
import {
  compareWithDump,
  type FreshCluster,
  restoreCustom,
  restorePlain,
  runPlain,
  settingsOf,
  withFreshCluster,
} from "./fresh-cluster.ts";
import { needRoom, removeHelpers, withHelper } from "./helper.ts";
import { openDump } from "./open-dump.ts";
import { readRoles, type ServerRoles } from "./server-roles.ts";
import { findServers, type PostgresServer } from "./servers.ts";
import { readCustom, type VerifiedDump, verifyByManifest } from "./verify-dump.ts";

/** Where nobody else is needed: another name than the source's, so that not one error is expected. */
const DRILL_USER = "pratique_drill";
const DRILL_FOLDER = "/var/tmp/pratique-drill";
const DRILL_OPERATION = "drill";
const LIBRARIES = "select current_setting('shared_preload_libraries') as libraries";
/** A whole dump brings the locale of each database with it. */
const INIT_ARGUMENTS = ["--encoding=UTF8", "--locale=C"];

export interface DrillReport {
  schema: 1;
  path: string;
  imageId: string;
  databases: number;
  rows: number;
  durationMs: number;
}

/**
 * Restores a dump into a throwaway container without network and compares it with what the dump
 * says; the container goes whatever happens. Throws DUMP_DAMAGED or RESTORE_FAILED.
 */
export async function drill(
  dump: VerifiedDump,
  target: ThrowawayTarget,
  context: RunContext,
): Promise<DrillReport> {
  const { clock, dumpFiles } = context.ports;
  const startMs = clock.monotonicMs();
  const contents = await withRestoredDump(dump, target, context, async (cluster) => {
    const found = dump.contents ?? (await readCustom(dump.path, cluster.client, dumpFiles));
    await compareWithDump(cluster, asRestored(dump, found));
    return found;
  });
  const tables = contents.databases.flatMap((database) => database.tables);
  return {
    schema: 1,
    path: dump.path,
    imageId: target.imageId,
    databases: contents.databases.length,
    rows: tables.reduce((sum, { rows }) => sum + rows, 0),
    durationMs: Math.round(clock.monotonicMs() - startMs),
  };
}

export interface ThrowawayTarget {
  imageId: string;
  /** `-c name=value` pairs: see serverArguments. */
  serverArguments: readonly string[];
  operationId?: string | undefined;
  /** What a plain dump of one database takes for granted: who owns what, and its locale. */
  roles?: ServerRoles | null;
  like?: DatabaseProperties | null;
}

/** A throwaway cluster with the dump in it; a single database lies where `restoredAs` says. */
export async function withRestoredDump<Result>(
  dump: VerifiedDump,
  target: ThrowawayTarget,
  context: RunContext,
  work: (cluster: FreshCluster) => Promise<Result>,
): Promise<Result> {
  const { engine } = context.ports;
  const open = () => openDump(dump, dump.manifest?.container ?? "drill", context);
  const operationId = target.operationId ?? DRILL_OPERATION;
  await removeHelpers(operationId, engine);
  const { imageId, serverArguments, roles = null, like = null } = target;
  const superuser = dump.contents?.bootstrapSuperuser ?? roles?.bootstrapSuperuser ?? DRILL_USER;
  return await withHelper({ operationId, role: "drill", imageId }, engine, async (helper) => {
    const who = ["/bin/sh", "-c", "id -u postgres && id -g postgres"];
    await needRoom(helper, posix.dirname(DRILL_FOLDER), restoredBytes(dump));
    const [uid = "999", gid = "999"] = (await helper.run(who)).trim().split("\n");
    const request = {
      ...{ folder: DRILL_FOLDER, superuser, owner: `${uid}:${gid}`, initArguments: INIT_ARGUMENTS },
      ...{ serverArguments, configurationFrom: null },
    };
    return await withFreshCluster(helper, request, engine, async (cluster) => {
      if (dump.contents?.kind === "cluster") {
        await restorePlain(cluster, await open(), { database: "postgres", superuser });
      } else {
        if (roles !== null) {
          const sql = Readable.from([roles.sql]);
          await runPlain(cluster, sql, { database: "postgres", superuser });
        }
        await createDatabase(cluster, RESTORED, like);
        const created = dump.contents?.databases[0]?.name ?? null;
        if (dump.format === "custom") await restoreCustom(cluster, await open(), RESTORED);
        else await restorePlain(cluster, await open(), { database: RESTORED, superuser, created });
      }
      return await work(cluster);
    });
  });
}

/** Where a dump lands that does not name its database. */
const RESTORED = "pratique_restored";

/** The name that a dump's database has in a throwaway cluster. */
export function restoredAs({ name }: DumpedDatabase): string {
  return name ?? RESTORED;
}

/** Indexes come on top of the text; of the custom format only the compressed size is known. */
function restoredBytes({ contents, manifest, sizeBytes }: VerifiedDump): number {
  const sqlBytes = contents?.sqlBytes ?? manifest?.sqlBytes ?? null;
  return sqlBytes === null ? sizeBytes * 8 : sqlBytes * 2;
}

function asRestored(dump: VerifiedDump, contents: DumpContents): DumpContents {
  if (contents.kind === "cluster") return contents;
  const databases = contents.databases.map((each) => ({ ...each, name: restoredAs(each) }));
  return { ...contents, databases, roles: dump.format === "plain" ? [] : contents.roles };
}

/**
 * Settings that a throwaway server needs to be able to restore: those of the container's command,
 * and the libraries that the running server loads, wherever they are configured.
 */
export async function serverArguments(
  server: ContainerInspect,
  user: string | null,
  { ports }: Pick<RunContext, "ports">,
): Promise<string[]> {
  const own = settingsOf(server.Config.Cmd ?? []);
  const [row] =
    (await whereItServes(server, user, ports, (client) =>
      client.rows<{ libraries: string }>("postgres", LIBRARIES),
    )) ?? [];
  if (row === undefined || row.libraries === "") return own;
  return [...own, "-c", `shared_preload_libraries=${row.libraries}`];
}

/** What the server says; null where it does not answer, which is a reason to try its backups. */
async function whereItServes<Answer>(
  server: ContainerInspect,
  user: string | null,
  { engine }: RunContext["ports"],
  ask: (client: PostgresClient) => Promise<Answer>,
): Promise<Answer | null> {
  if (!server.State.Running) return null;
  try {
    return await ask(await connect(server, user, engine));
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    return null;
  }
}

/** `pratique backup drill`: the named dump, else the newest whole one of ours. */
export async function drillNow(file: string | null, context: RunContext): Promise<DrillReport> {
  const { dumpFiles } = context.ports;
  const path = file ?? (await newestDump(context));
  context.progress({ kind: "note", text: `${path}: reading it to its end` });
  const dump = await verifyByManifest(path, dumpFiles);
  const server = await serverOf(dump.manifest?.container ?? null, context);
  const { inspect, settings } = server;
  const user = settings?.user ?? null;
  context.progress({ kind: "note", text: `${path}: restoring it into a throwaway container` });
  const target = {
    imageId: inspect.Image,
    serverArguments: await serverArguments(inspect, user, context),
    roles: bringsItsRoles(dump)
      ? null
      : await whereItServes(inspect, user, context.ports, readRoles),
  };
  const report = await drill(dump, target, context);
  context.audit.write({ event: "drill", ...report, outcome: "passed" });
  return report;
}

/** A whole dump has roles in it; of the custom format owners and rights are left out. */
function bringsItsRoles({ format, contents }: VerifiedDump): boolean {
  return format === "custom" || contents?.kind === "cluster";
}

async function newestDump(context: RunContext): Promise<string> {
  const folder = backupFolder(context.config);
  const stored = await listStored(folder, context.ports.dumpFiles);
  const newest = stored.find(
    ({ kind, manifest }) => kind === "dump" && manifest?.kind === "cluster",
  );
  if (newest === undefined) throw POSTGRES_UNKNOWN(`${folder} holds no dump that pratique made`);
  return newest.path;
}

/** The server that a backup belongs to: by name, else the only one. Throws POSTGRES_UNKNOWN. */
export async function serverOf(
  container: string | null,
  context: RunContext,
): Promise<PostgresServer> {
  const servers = await findServers(context);
  const named = servers.find((server) => server.container === container);
  const [only, ...others] = servers;
  if (named !== undefined) return named;
  if (only !== undefined && others.length === 0) return only;
  const names = servers.map((server) => server.container).join(", ");
  throw POSTGRES_UNKNOWN(
    only === undefined ? "no container is checked as postgres" : `it may be any of ${names}`,
  );
}
