import { OperatorError } from "../errors.ts";
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
  /** Servers that there is no new dump of; those before and after them have theirs. */
  failed: readonly FailedDump[];
}

export interface FailedDump {
  container: string;
  /** As in docs/errors.md. */
  code: string;
  why: string;
}

/**
 * `pratique backup postgres`, also for the schedule: a verified dump of every running server, and
 * for `daily` the retention. One server's failure does not keep the others from their dumps; it is
 * in the report, and thrown where no server could be dumped.
 */
export async function backUpNow(
  request: { occasion: "daily" | "manual"; perDatabase: boolean; waitLockMs: number },
  context: RunContext,
): Promise<BackupReport> {
  const folder = backupFolder(context.config);
  const frame = { command: "backup", waitLockMs: request.waitLockMs };
  return await withHostLock(frame, context, async () => {
    const dumps: MadeDump[] = [];
    const removed: string[] = [];
    const errors = new Map<string, OperatorError>();
    for (const server of await runningServers(context)) {
      const { container } = server;
      try {
        dumps.push(...(await dumpServer(server, folder, request, context)));
        if (request.occasion !== "daily") continue;
        const { host, backups } = context.config;
        const about = { occasion: "daily" as const, container, host };
        const keep = backups.keepDumps.daily;
        removed.push(...(await dropOldDumps(folder, { ...about, keep }, context.ports.dumpFiles)));
      } catch (error) {
        if (!(error instanceof OperatorError) || context.stop.aborted) throw error;
        const { code, message } = error;
        context.audit.write({ event: "dump", container, code, outcome: message });
        errors.set(container, error);
      }
    }
    const [first] = errors.values();
    if (first !== undefined && dumps.length === 0) throw first;
    const failed = [...errors].map(([container, { code, message }]) => ({
      ...{ container, code, why: message },
    }));
    return { schema: 1, dumps, removed, failed };
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
