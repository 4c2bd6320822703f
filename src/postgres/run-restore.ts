/**
 * `rollback postgres`: the whole cluster from a dump or a cold copy (DESIGN section 11). The new
 * data is made complete beside the present data, then exchanged for it; the present data stays in
 * a folder of its own. Until the exchange, and after any failure, the server runs on what it had.
 */
import { posix } from "node:path";
import { OperatorError, RESTORE_FAILED, RESTORED_NOT_WELL } from "../errors.ts";
import { beginRun, endRun } from "../state/runs.ts";
import type { RunContext } from "../update/context.ts";
import { attempt, isFailure } from "../update/failure.ts";
import { beginOperation } from "../update/operation.ts";
import { STAY_MS, sendOutbox } from "../update/send-outbox.ts";
import { Steps } from "../update/steps.ts";
import { verify } from "../update/verify.ts";
import { type ClusterFacts, readCluster } from "./baseline.ts";
import { checkCluster } from "./check-cluster.ts";
import { connect, type PostgresClient } from "./client.ts";
import { type DataHelper, fillFromCopy } from "./cold-copy.ts";
import { holdPolicies, stopCompanions } from "./companions.ts";
import { dumpCluster } from "./dump.ts";
import { exchange, exchangeState, markComplete, ownFolders } from "./exchange-data.ts";
import { analyse, compareWithDump, restorePlain, withFreshCluster } from "./fresh-cluster.ts";
import { awaitIdle } from "./idle.ts";
import { leaveRestore } from "./leave-restore.ts";
import { openDump } from "./open-dump.ts";
import {
  companionsBack,
  giveServerPolicyBack,
  type PostgresUpdate,
  updateOf,
} from "./postgres-update.ts";
import { addressBook } from "./preflight.ts";
import { STOP_TIMEOUT_S, withPlace } from "./restore-place.ts";
import { planRestore } from "./restore-plan.ts";
import type { RestoreSource } from "./restore-source.ts";
import { beginStep, journalOf } from "./restore-steps.ts";
import type { PostgresServer } from "./servers.ts";
import { endRestore } from "./tell-restore.ts";
import type { VerifiedDump } from "./verify-dump.ts";

export interface RestoreReport {
  schema: 1;
  container: string;
  restored: string;
  /** The dump of the state that was left; null where it could not be made. */
  formerDump: string | null;
  /** Where the data directory that was left is kept. */
  formerData: string;
  durationMs: number;
}

/** Restores the whole cluster. Throws with the reason when it failed; then all is as before. */
export async function restoreCluster(
  server: PostgresServer,
  source: RestoreSource,
  context: RunContext,
): Promise<RestoreReport> {
  const { clock } = context.ports;
  const startMs = clock.monotonicMs();
  const plan = await planRestore(server, source, context);
  const run = { kind: "rollback" as const, host: context.config.host, dryRun: false };
  const runId = beginRun(context.state, run);
  const operation = beginOperation(context.state, runId, plan);
  const update = updateOf(operation, new Steps([server.container], runId, context), context);
  const problem = await attemptRestore(update, source);
  const report: RestoreReport = {
    ...{ schema: 1, container: server.container, restored: source.path },
    formerDump: update.plan.dumpPath,
    formerData: ownFolders(update.plan.dataMount, operation.id).aside,
    durationMs: Math.round(clock.monotonicMs() - startMs),
  };
  endRun(context.state, {
    ...{ ...run, run: runId, schema: 1 as const, containers: [], interrupted: null },
    startedAt: new Date(clock.now() - report.durationMs).toISOString(),
    ...{ durationMs: report.durationMs, exitCode: problem === null ? 0 : 1 },
  });
  await sendOutbox(context, STAY_MS);
  if (problem !== null) throw problem;
  return report;
}

async function attemptRestore(
  update: PostgresUpdate,
  source: RestoreSource,
): Promise<OperatorError | null> {
  try {
    await prepare(update, source);
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    return await leaveRestore(update, error);
  }
  return await finishRestore(update);
}

/** Until the new data lies complete beside the present data; the server is stopped at the end. */
async function prepare(update: PostgresUpdate, source: RestoreSource): Promise<void> {
  const { member, plan, context } = update;
  const { engine } = context.ports;
  beginStep(update, "stop dependents", "stopping dependents and sidecars");
  await engine.setRestartPolicy(member.formerId, { Name: "no" });
  await holdPolicies(plan.companions, context);
  await stopCompanions(plan.companions, "dependent", context);
  await stopCompanions(plan.companions, "sidecar", context);
  if (plan.restore?.wasServing) {
    const client = await connect(member.formerInspect, plan.user, engine);
    await awaitIdle(client, context.ports.clock, await addressBook(context));
    beginStep(update, "dump", "dumping what is there now");
    await dumpPresent(update, client);
  }
  beginStep(update, "stop server", "stopping the server");
  await engine.stopContainer(member.formerId, STOP_TIMEOUT_S);
  beginStep(update, "fill", `making the new data from ${source.path}`);
  await withPlace(update, (helper) => fill(helper, update, source));
}

/** A database that cannot be dumped may be the reason to restore: its data directory stays whole. */
async function dumpPresent(update: PostgresUpdate, client: PostgresClient): Promise<void> {
  const { operation, member, plan, context } = update;
  const { progress, config, ports } = context;
  const onProgress = (text: string) =>
    progress({ kind: "phase", container: member.container, phase: "roll-back", text });
  const { host } = config;
  const request = { host, folder: plan.folder, occasion: "pre-update" as const, onProgress };
  const dump = await attempt("back-up", member, () => dumpCluster(client, request, ports));
  if (isFailure(dump)) {
    const text = `${dump.why} The restore goes on: the data directory is kept as it is.`;
    progress({ kind: "note", text });
    return;
  }
  plan.dumpPath = dump.path;
  operation.savePlan();
}

async function fill(
  helper: DataHelper,
  update: PostgresUpdate,
  source: RestoreSource,
): Promise<void> {
  const { operation, plan } = update;
  const { dataMount: mount } = plan;
  const { incoming } = ownFolders(mount, operation.id);
  if (source.kind === "snapshot") {
    const { path } = source;
    const backupFolder = posix.dirname(path);
    await fillFromCopy(helper, { mount, operationId: operation.id, backupFolder, path });
  } else {
    await fillFromDump(helper, update, source);
  }
  const { state, systemIdentifier } = await helper.controlData(incoming);
  if (state !== "shut down") throw RESTORE_FAILED(`the new data says "${state}"`);
  await helper.run(["sync"], { timeoutMs: 30 * 60_000 });
  if (plan.restore !== undefined) plan.restore.systemIdentifier = systemIdentifier;
  operation.savePlan();
}

/** Whoever owns the present data; an empty volume belongs to nobody yet. */
const OWNER = `owner=$(stat -c %u:%g "$1")
if [ "\${owner%%:*}" = 0 ]; then owner=$(id -u postgres):$(id -g postgres); fi
echo "$owner"`;

async function fillFromDump(
  helper: DataHelper,
  { operation, member, plan, context }: PostgresUpdate,
  source: Extract<RestoreSource, { kind: "dump" }>,
): Promise<void> {
  const { engine } = context.ports;
  const { dataDirectory } = plan.dataMount;
  const { incoming: folder } = ownFolders(plan.dataMount, operation.id);
  await helper.run(["rm", "-rf", "--", folder]);
  const owner = (await helper.run(["/bin/sh", "-c", OWNER, "owner", dataDirectory])).trim();
  const superuser = superuserFor(source.dump, { member, plan });
  const request = {
    ...{ folder, superuser, owner, initArguments: plan.restore?.initArguments ?? [] },
    serverArguments: plan.restore?.serverArguments ?? [],
    configurationFrom: dataDirectory,
  };
  await withFreshCluster(helper, request, engine, async (cluster) => {
    const reading = await openDump(source.dump, member.container, context);
    await restorePlain(cluster, reading, { database: "postgres", superuser });
    await analyse(cluster);
    if (source.dump.contents !== null) await compareWithDump(cluster, source.dump.contents);
  });
}

/**
 * Who makes the new cluster: whoever made the source, because memberships and the role itself can
 * only be given back so. The user of the checks is there in any case.
 */
function superuserFor(
  { contents }: VerifiedDump,
  { member, plan }: Pick<PostgresUpdate, "member" | "plan">,
): string {
  const variable = member.formerInspect.Config.Env?.find((each) =>
    each.startsWith("POSTGRES_USER="),
  );
  const user = plan.user ?? variable?.slice("POSTGRES_USER=".length) ?? "postgres";
  const roles = contents?.roles ?? [];
  if (!roles.includes(user)) return user;
  const makers = [contents?.bootstrapSuperuser, plan.restore?.bootstrapSuperuser];
  return makers.find((maker) => roles.includes(maker ?? "")) ?? user;
}

/**
 * From the exchange on: forward, or back to the former data where the new does not serve. Also after
 * a crash; what applications may have written into the restored data is never put aside.
 */
export async function finishRestore(update: PostgresUpdate): Promise<OperatorError | null> {
  const { operation, plan } = update;
  const problems: string[] = [];
  const proof = journalOf(update).hasReached("start dependents")
    ? await attempt("verify", update.member, () => startAndProve(update))
    : await putInService(update);
  if (proof instanceof OperatorError) return await leaveRestore(update, proof);
  problems.push(...(isFailure(proof) ? [proof.why] : sortedWrongly(proof, plan.baseline)));
  beginStep(update, "start dependents", "starting dependents and sidecars");
  const up = await attempt("verify", update.member, () => keepServerUp(update));
  if (isFailure(up)) problems.push(up.why);
  problems.push(...(await companionsBack(update)));
  const { aside } = ownFolders(plan.dataMount, operation.id);
  const worse = problems.length === 0 ? "" : `\nworse than before: ${problems.join("; ")}`;
  const dump = plan.dumpPath ?? "none";
  const body = `restored - from ${plan.restore?.path}\nformer data: ${aside}\ndump of it: ${dump}${worse}`;
  endRestore(update, problems.length === 0 ? "done" : "done-but", body);
  return problems.length === 0 ? null : RESTORED_NOT_WELL(problems.join("; "));
}

/**
 * An engine that restarted since the server was proved has left it down, because its policy was
 * `no`. With its own policy the engine starts it from here on.
 */
async function keepServerUp(update: PostgresUpdate): Promise<void> {
  await giveServerPolicyBack(update);
  await update.context.ports.engine.startContainer(update.member.formerId);
}

/** An old cold copy may be of another C library; what was wrong before the restore is not told again. */
function sortedWrongly(now: ClusterFacts, before: ClusterFacts): string[] {
  const names = now.collationMismatches.filter(
    (name) => !before.collationMismatches.includes(name),
  );
  if (names.length === 0) return [];
  return [
    `texts may be sorted wrongly (${names.join(", ")}); run in each database, before its apps write: REINDEX DATABASE; ALTER DATABASE … REFRESH COLLATION VERSION`,
  ];
}

async function putInService(update: PostgresUpdate): Promise<OperatorError | ClusterFacts> {
  const { operation, plan } = update;
  try {
    beginStep(update, "exchange", "exchanging the data");
    await withPlace(update, async (helper) => {
      const { incoming } = ownFolders(plan.dataMount, operation.id);
      if ((await exchangeState(helper, plan.dataMount, operation.id)) === "none") {
        await markComplete(helper, incoming);
      }
      await exchange(helper, plan.dataMount, operation.id);
    });
    beginStep(update, "start server", "starting the server on the restored data");
    return await startAndProve(update);
  } catch (error) {
    if (error instanceof OperatorError) return error;
    throw error;
  }
}

async function startAndProve(update: PostgresUpdate): Promise<ClusterFacts> {
  const { operation, member, plan, context } = update;
  const { engine } = context.ports;
  await engine.startContainer(member.formerId);
  const asBefore = { imageId: member.formerImageId, withDeep: false, withoutDependents: true };
  const proof = await verify(member, asBefore, context);
  if (proof.verdict !== "healthy") throw RESTORE_FAILED(proof.why);
  const present = await engine.inspectContainer(member.formerId);
  if (present === null) throw RESTORE_FAILED("its container is gone");
  const now = await readCluster(await connect(present, plan.user, engine));
  const there = new Set(now.databases.map(({ name }) => name));
  const missing = (plan.restore?.databases ?? []).filter((name) => !there.has(name));
  if (missing.length > 0) throw RESTORE_FAILED(`databases are missing: ${missing.join(", ")}`);
  const { user, restore } = plan;
  // Nobody knows what else is in it: what must be the same is what was just read.
  const baseline = { ...now, systemIdentifier: restore?.systemIdentifier ?? now.systemIdentifier };
  const expectation = { baseline, user, operationId: operation.id };
  return await checkCluster(member.container, expectation, context);
}
