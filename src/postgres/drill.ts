import { posix } from "node:path";
import { OperatorError, POSTGRES_UNKNOWN } from "../errors.ts";
import type { ContainerInspect } from "../ports.ts";
import type { RunContext } from "../update/context.ts";
import { connect } from "./client.ts";
import type { DumpContents } from "./dump-scan.ts";
import { backupFolder, listStored } from "./dump-store.ts";
import {
  compareWithDump,
  type FreshCluster,
  restoreCustom,
  restorePlain,
  settingsOf,
  withFreshCluster,
} from "./fresh-cluster.ts";
import { needRoom, removeHelpers, withHelper } from "./helper.ts";
import { openDump } from "./open-dump.ts";
import { findServers, type PostgresServer } from "./servers.ts";
import { readCustom, type VerifiedDump, verifyByManifest } from "./verify-dump.ts";

/** Another name than the source's, so that not one error is expected. */
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
  target: { imageId: string; serverArguments: readonly string[]; operationId?: string },
  context: RunContext,
): Promise<DrillReport> {
  const { clock, dumpFiles } = context.ports;
  const startMs = clock.monotonicMs();
  const throwaway = { ...target, superuser: DRILL_USER };
  const contents = await withRestoredDump(dump, throwaway, context, async (cluster) => {
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

/** A throwaway cluster with the dump in it. A single database lies in `pratique_restored`. */
export async function withRestoredDump<Result>(
  dump: VerifiedDump,
  target: {
    imageId: string;
    /** `-c name=value` pairs: see serverArguments. */
    serverArguments: readonly string[];
    superuser: string;
    operationId?: string | undefined;
  },
  context: RunContext,
  work: (cluster: FreshCluster) => Promise<Result>,
): Promise<Result> {
  const { engine } = context.ports;
  const open = () => openDump(dump, dump.manifest?.container ?? "drill", context);
  const operationId = target.operationId ?? DRILL_OPERATION;
  await removeHelpers(operationId, engine);
  const { imageId, superuser, serverArguments } = target;
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
        const made = await cluster.client(["createdb", "--template=template0", RESTORED]);
        if (made.exitCode !== 0) throw new Error(made.stderr);
        if (dump.format === "custom") await restoreCustom(cluster, await open(), RESTORED);
        else await restorePlain(cluster, await open(), { database: RESTORED, superuser });
      }
      return await work(cluster);
    });
  });
}

/** Where a dump of one database is restored in a throwaway cluster. */
export const RESTORED = "pratique_restored";

/** Indexes come on top of the text; of the custom format only the compressed size is known. */
function restoredBytes({ contents, manifest, sizeBytes }: VerifiedDump): number {
  const sqlBytes = contents?.sqlBytes ?? manifest?.sqlBytes ?? null;
  return sqlBytes === null ? sizeBytes * 8 : sqlBytes * 2;
}

function asRestored(dump: VerifiedDump, contents: DumpContents): DumpContents {
  if (contents.kind === "cluster") return contents;
  const databases = contents.databases.map((each) => ({ ...each, name: RESTORED }));
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
  if (!server.State.Running) return own;
  try {
    const client = await connect(server, user, ports.engine);
    const [row] = await client.rows<{ libraries: string }>("postgres", LIBRARIES);
    if (row === undefined || row.libraries === "") return own;
    return [...own, "-c", `shared_preload_libraries=${row.libraries}`];
  } catch (error) {
    // A server that does not answer is a reason to try its backups.
    if (!(error instanceof OperatorError)) throw error;
    return own;
  }
}

/** `pratique backup drill`: the named dump, else the newest whole one of ours. */
export async function drillNow(file: string | null, context: RunContext): Promise<DrillReport> {
  const { dumpFiles } = context.ports;
  const path = file ?? (await newestDump(context));
  context.progress({ kind: "note", text: `${path}: reading it to its end` });
  const dump = await verifyByManifest(path, dumpFiles);
  const server = await serverOf(dump.manifest?.container ?? null, context);
  context.progress({ kind: "note", text: `${path}: restoring it into a throwaway container` });
  const target = {
    imageId: server.inspect.Image,
    serverArguments: await serverArguments(server.inspect, server.settings?.user ?? null, context),
  };
  const report = await drill(dump, target, context);
  context.audit.write({ event: "drill", ...report, outcome: "passed" });
  return report;
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
