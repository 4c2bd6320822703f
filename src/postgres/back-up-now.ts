import type { RunContext } from "../update/context.ts";
import { connect } from "./client.ts";
import { type DumpRequest, dumpCluster, dumpDatabases, LONGEST_DUMP_MS } from "./dump.ts";
import type { DumpManifest } from "./dump-manifest.ts";
import { backupFolder, dropOldDumps } from "./dump-store.ts";
import { type PostgresServer, runningServers } from "./servers.ts";
import { withHostLock } from "./with-host-lock.ts";

export interface MadeDump {
  path: string;
  manifest: DumpManifest;
}

export interface BackupReport {
  schema: 1;
  dumps: readonly MadeDump[];
  removed: readonly string[];
}

/** `pratique backup postgres`: a verified dump of every running server. */
export async function backUpNow(
  request: { occasion: "daily" | "manual"; perDatabase: boolean; waitLockMs: number },
  context: RunContext,
): Promise<BackupReport> {
  const folder = backupFolder(context.config);
  const frame = { command: "backup", waitLockMs: request.waitLockMs };
  return await withHostLock(frame, context, async () => {
    const dumps: MadeDump[] = [];
    const removed: string[] = [];
    for (const server of await runningServers(context)) {
      const { container } = server;
      dumps.push(...(await dumpServer(server, folder, request, context)));
      if (request.occasion !== "daily") continue;
      const { host, backups } = context.config;
      const about = { occasion: "daily" as const, container, host, keep: backups.keepDumps.daily };
      removed.push(...(await dropOldDumps(folder, about, context.ports.dumpFiles)));
    }
    return { schema: 1, dumps, removed };
  });
}

async function dumpServer(
  { container, settings, inspect }: PostgresServer,
  folder: string,
  { occasion, perDatabase }: { occasion: "daily" | "manual"; perDatabase: boolean },
  { config, ports, progress, stop, audit }: RunContext,
): Promise<MadeDump[]> {
  const startMs = ports.clock.monotonicMs();
  const tell = (text: string) => progress({ kind: "phase", container, phase: "back-up", text });
  tell("dumping the whole cluster");
  const client = await connect(inspect, settings?.user ?? null, ports.engine);
  const request: DumpRequest = {
    host: config.host,
    folder,
    occasion,
    signal: stop,
    onProgress: (text) =>
      progress({
        kind: "wait",
        container,
        text,
        elapsedMs: ports.clock.monotonicMs() - startMs,
        timeoutMs: LONGEST_DUMP_MS,
      }),
  };
  const made = [await dumpCluster(client, request, ports)];
  if (perDatabase) {
    tell("dumping each database");
    made.push(...(await dumpDatabases(client, request, ports)));
  }
  for (const { path, sizeBytes } of made) {
    const durationMs = Math.round(ports.clock.monotonicMs() - startMs);
    audit.write({ event: "dump", container, path, sizeBytes, durationMs, outcome: "done" });
  }
  return made.map(({ path, manifest }) => ({ path, manifest }));
}
