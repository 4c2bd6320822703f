/** What a restore begins with: everything that can be known and refused before anything stops. */
import { posix } from "node:path";
import { DUMP_DAMAGED, OperatorError, POSTGRES_UNKNOWN, RESTORE_FAILED } from "../errors.ts";
import type { ContainerInspect } from "../ports.ts";
import type { RunContext } from "../update/context.ts";
import type { UpdatePlan } from "../update/plan.ts";
import { awaitAnswer } from "./await-answer.ts";
import { type ClusterFacts, readCluster } from "./baseline.ts";
import { whyDamaged, withData } from "./cold-copy.ts";
import { findCompanions } from "./companions.ts";
import { type DataMount, findDataMount } from "./data-mount.ts";
import { serverArguments } from "./drill.ts";
import { settingsOf } from "./fresh-cluster.ts";
import { needRoom, removeHelpers } from "./helper.ts";
import { factsInside, type ImageFacts } from "./image-facts.ts";
import { INIT_FACTS, type InitFacts, initArguments, withChecksums } from "./init-facts.ts";
import { otherUser } from "./other-user.ts";
import type { Companion, PostgresPlan, RestorePlan } from "./postgres-plan.ts";
import type { RestoreSource } from "./restore-source.ts";
import type { PostgresServer } from "./servers.ts";
import type { SnapshotManifest } from "./snapshot-manifest.ts";

/** A server that has just been started may still recover. */
const SERVING_MS = 20_000;

/** Plan of a restore of the whole cluster. Throws what is wrong with its place or its source. */
export async function planRestore(
  server: PostgresServer,
  source: RestoreSource,
  context: RunContext,
): Promise<UpdatePlan> {
  const { inspect } = server;
  const serving = await whatServes(server, context);
  const mount = mountOf(inspect, serving?.facts.dataDirectory ?? null);
  const companions = await findCompanions(server, context);
  await needAlone(inspect, mount, companions, context);
  const place = await assessPlace(inspect, mount, source, context);
  const restore: RestorePlan = {
    ...{ kind: source.kind, path: source.path, databases: source.databases },
    wasRunning: inspect.State.Running,
    wasServing: serving !== null,
    initArguments: serving === null ? place.initArguments : initArguments(serving.init),
    bootstrapSuperuser: serving?.init.bootstrapSuperuser ?? null,
    serverArguments:
      serving === null
        ? settingsOf(inspect.Config.Cmd ?? [])
        : await serverArguments(inspect, serving.user, context),
  };
  const { facts = null, user = null } = serving ?? {};
  return planOf(server, { mount, restore, facts, user, companions }, context);
}

/** Plan of a restore of one database, into a server that answers. */
export async function planDatabaseRestore(
  server: PostgresServer,
  about: Pick<RestorePlan, "path" | "names">,
  context: RunContext,
): Promise<UpdatePlan> {
  const serving = await whatServes(server, context);
  if (serving === null) throw POSTGRES_UNKNOWN(`${server.container} does not answer`);
  const { facts, user, init } = serving;
  const restore: RestorePlan = {
    ...{ kind: "database", wasRunning: true, wasServing: true, databases: [] },
    ...{ ...about, initArguments: initArguments(init), serverArguments: [] },
    bootstrapSuperuser: init.bootstrapSuperuser,
  };
  const mount = mountOf(server.inspect, facts.dataDirectory);
  const companions = await findCompanions(server, context);
  return planOf(server, { mount, restore, facts, user, companions }, context);
}

function planOf(
  server: PostgresServer,
  about: {
    mount: DataMount;
    restore: RestorePlan;
    facts: ClusterFacts | null;
    user: string | null;
    companions: Companion[];
  },
  context: RunContext,
): UpdatePlan {
  const { inspect, settings } = server;
  const postgres: PostgresPlan = {
    // The name may come from a file that only the running container can read.
    user: about.user ?? settings?.user ?? null,
    folder: context.config.backups.postgres ?? posix.dirname(about.restore.path),
    baseline: about.facts ?? NO_FACTS,
    dataMount: about.mount,
    companions: about.companions,
    ...{ withColdCopy: false, withDrill: false, dumpPath: null, snapshotPath: null },
    ...{ failedDataPath: null, stoppedAtMs: null, restore: about.restore },
  };
  return {
    kind: "rollback",
    reference: inspect.Config.Image,
    candidateDigest: null,
    candidateImageId: inspect.Image,
    facts: {},
    postgres,
    members: [
      {
        ...{ role: "candidate", attachedTo: [], wasUp: true, reference: inspect.Config.Image },
        ...{ container: server.container, service: server.service, strategy: "engine" },
        ...{ formerId: inspect.Id, formerImageId: inspect.Image, formerDigest: null },
        formerDigests: [],
        ...{ formerInspect: inspect, project: null, configHash: null, baseline: null },
        ...{ rotation: null, newId: null, deployStartedAtMs: null, firstHealthyAtMs: null },
      },
    ],
  };
}

const NO_FACTS = {
  ...{ systemIdentifier: "", serverVersion: "", versionNumber: 0, dataDirectory: "" },
  ...{ isInRecovery: false, isReadOnly: false, databases: [], roles: [], extensions: {} },
  ...{ tablespaces: [], collationMismatches: [], checksumFailures: 0 },
};

/** What a server that answers says of itself; null where it is stopped, broken or restarts on and on. */
async function whatServes(
  { container, inspect, settings }: PostgresServer,
  { ports, progress }: RunContext,
): Promise<{ facts: ClusterFacts; user: string; init: InitFacts } | null> {
  const client = await awaitAnswer(inspect.Id, settings?.user ?? null, ports, SERVING_MS);
  if ("why" in client) {
    progress({ kind: "note", text: `${container} does not answer: ${client.why}` });
    return null;
  }
  try {
    const [init] = await client.rows<InitFacts>("postgres", INIT_FACTS);
    if (init === undefined) return null;
    const { user } = client;
    return { facts: await readCluster(client), user, init };
  } catch (error) {
    // A catalogue that cannot be read is a reason to restore.
    if (!(error instanceof OperatorError)) throw error;
    progress({ kind: "note", text: `${container} cannot be read: ${error.message}` });
    return null;
  }
}

function mountOf(inspect: ContainerInspect, dataDirectory: string | null): DataMount {
  const found = findDataMount(
    inspect,
    dataDirectory ?? variablesOf(inspect).get("PGDATA") ?? "/var/lib/postgresql/data",
  );
  if ("why" in found) throw RESTORE_FAILED(found.why);
  return found;
}

function variablesOf({ Config }: ContainerInspect): Map<string, string> {
  return new Map((Config.Env ?? []).map((entry) => entry.split(/=(.*)/s) as [string, string]));
}

/**
 * Two servers on one data directory destroy it: nobody else may have it open. Companions stop before
 * the data is touched.
 */
async function needAlone(
  inspect: ContainerInspect,
  mount: DataMount,
  companions: readonly Companion[],
  context: RunContext,
): Promise<void> {
  await removeHelpers("preflight", context.ports.engine);
  const stopping = new Set(companions.map(({ id }) => id));
  const isMeant = ({ Id, State }: ContainerInspect) => State.Running && !stopping.has(Id);
  const other = await otherUser(inspect, mount, context, isMeant);
  if (other === null) return;
  throw RESTORE_FAILED(`${other} runs with the same data directory mounted; stop it first`);
}

/**
 * Room, version and, of a cold copy, its files and what its texts are sorted by: looked at by a
 * helper, beside the server.
 */
async function assessPlace(
  inspect: ContainerInspect,
  mount: DataMount,
  source: RestoreSource,
  context: RunContext,
): Promise<{ initArguments: string[] }> {
  const { path } = source;
  const backupFolder = posix.dirname(path);
  const request = {
    ...{ operationId: "preflight", role: "restore", imageId: inspect.Image, mount },
    ...(source.kind === "snapshot" ? { backupFolder } : {}),
    isReadOnly: true,
  };
  return await withData(request, context, async (helper) => {
    await needRoom(helper, mount.target, source.neededBytes);
    const facts = await factsInside(helper);
    if (source.kind === "snapshot") {
      const { manifest } = source;
      const why =
        whyForeign(manifest, inspect, facts) ??
        (await whyDamaged(helper, { backupFolder, path, manifest }));
      if (why !== null) throw DUMP_DAMAGED(path, why);
    } else {
      const { major } = facts;
      const from = source.dump.contents?.serverVersion ?? "";
      if (major !== null && Number.parseInt(from, 10) > major) {
        const why = `it is of PostgreSQL ${from}, ${inspect.Name.slice(1)} has only ${major}`;
        throw DUMP_DAMAGED(path, why);
      }
    }
    const hasChecksums = await withChecksums(helper, mount.dataDirectory);
    return { initArguments: asFirstMade(inspect, hasChecksums) };
  });
}

/** Why the container's image must not serve the data of a cold copy; null when it may. */
function whyForeign(
  { major, distribution, libc }: SnapshotManifest,
  { Name }: ContainerInspect,
  facts: Omit<ImageFacts, "version">,
): string | null {
  const container = Name.slice(1);
  if (major !== facts.major) {
    return `it is of PostgreSQL ${major}, ${container} has ${facts.major ?? "none"}`;
  }
  const isKnown = distribution !== undefined && libc !== undefined;
  if (!isKnown || (distribution === facts.distribution && libc === facts.libc)) return null;
  return `it is of ${distribution} (${libc}), ${container} has ${facts.distribution} (${facts.libc}): texts would be sorted differently, and indexes on them give wrong answers. Give the container the former distribution's tag, or restore a dump`;
}

/** Nobody can be asked: as the official image would make the cluster for this container. */
function asFirstMade(inspect: ContainerInspect, hasChecksums: boolean): string[] {
  const variables = variablesOf(inspect);
  const language = variables.get("LANG") ?? "";
  const given = (variables.get("POSTGRES_INITDB_ARGS") ?? "")
    .split(/\s+/)
    .filter((word) => word !== "");
  return [
    "--encoding=UTF8",
    ...(language === "" ? [] : [`--locale=${language}`]),
    ...given,
    ...(hasChecksums ? ["--data-checksums"] : []),
  ];
}
