/**
 * `rollback postgres`: the whole cluster from a dump or a cold copy (DESIGN section 11). The new
 * data is made complete beside the present data, then exchanged for it; the present data stays in
 * a folder of its own. Until the exchange, and after any failure, the server runs on what it had.
 */
import { posix } from "node:path";
import { OperatorError, RESTORE_FAILED } from "../errors.ts";
import { enqueueMessage } from "../state/outbox.ts";
import { beginRun, endRun } from "../state/runs.ts";
import type { RunContext } from "../update/context.ts";
import { shapeMessage } from "../update/messages.ts";
import { beginOperation, type Operation } from "../update/operation.ts";
import type { UpdatePlan } from "../update/plan.ts";
import { quietly } from "../update/quietly.ts";
import { STAY_MS, sendOutbox } from "../update/send-outbox.ts";
import { Steps } from "../update/steps.ts";
import { verify } from "../update/verify.ts";
import { readCluster } from "./baseline.ts";
import { checkCluster } from "./check-cluster.ts";
import { connect } from "./client.ts";
import {
  type DataHelper,
  exchange,
  exchangeState,
  fillFromCopy,
  markComplete,
  ownFolders,
  withData,
} from "./cold-copy.ts";
import { findCompanions, holdPolicies, stopCompanions } from "./companions.ts";
import { findDataMount } from "./data-mount.ts";
import { dumpCluster } from "./dump.ts";
import {
  analyse,
  compareWithDump,
  INIT_FACTS,
  type InitFacts,
  initArguments,
  restorePlain,
  settingsOf,
  withFreshCluster,
} from "./fresh-cluster.ts";
import { needRoom, removeHelpers } from "./helper.ts";
import { awaitIdle } from "./idle.ts";
import type { PostgresPlan, RestorePlan } from "./postgres-plan.ts";
import { companionsBack, type PostgresUpdate, updateOf } from "./postgres-update.ts";
import { addressBook } from "./preflight.ts";
import type { RestoreSource } from "./restore-source.ts";
import type { PostgresServer } from "./servers.ts";

export interface RestoreReport {
  schema: 1;
  container: string;
  restored: string;
  /** The dump of the state that was left; null where the server did not run. */
  formerDump: string | null;
  /** Where the data directory that was left is kept. */
  formerData: string;
  durationMs: number;
}

const STOP_TIMEOUT_S = 120;

/** Restores the whole cluster. Throws with the reason when it failed; then all is as before. */
export async function restoreCluster(
  server: PostgresServer,
  source: RestoreSource,
  context: RunContext,
): Promise<RestoreReport> {
  const { clock } = context.ports;
  const startMs = clock.monotonicMs();
  const runId = beginRun(context.state, {
    kind: "rollback",
    host: context.config.host,
    dryRun: false,
  });
  const plan = await planRestore(server, source, context);
  const operation = beginOperation(context.state, runId, plan);
  const update = updateOf(operation, new Steps([server.container], runId, context), context);
  const problem = await attemptRestore(update, source);
  const report: RestoreReport = {
    ...{ schema: 1, container: server.container, restored: source.path },
    formerDump: update.plan.dumpPath,
    formerData: ownFolders(update.plan.dataMount, operation.id).aside,
    durationMs: Math.round(clock.monotonicMs() - startMs),
  };
  context.audit.write({ event: "restore", ...report, outcome: problem?.message ?? "done" });
  endRun(context.state, {
    ...{ run: runId, kind: "rollback" as const, host: context.config.host, schema: 1 as const },
    ...{ dryRun: false, startedAt: new Date(clock.now() - report.durationMs).toISOString() },
    ...{ durationMs: report.durationMs, containers: [], interrupted: null },
    exitCode: problem === null ? 0 : 1,
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
    await leave(update, error);
    return error;
  }
  return await finish(update);
}

/** The plan: the same image, and the data mount that the exchange happens on. */
export async function planRestore(
  server: PostgresServer,
  source: { kind: RestorePlan["kind"]; path: string; databases: readonly string[] },
  context: RunContext,
): Promise<UpdatePlan> {
  const { inspect, settings } = server;
  const isRunning = inspect.State.Running;
  const client = isRunning
    ? await connect(inspect, settings?.user ?? null, context.ports.engine)
    : null;
  const baseline = client === null ? null : await readCluster(client);
  const variables = new Map(
    (inspect.Config.Env ?? []).map((entry) => entry.split(/=(.*)/s) as [string, string]),
  );
  const dataDirectory =
    baseline?.dataDirectory ?? variables.get("PGDATA") ?? "/var/lib/postgresql/data";
  const mount = findDataMount(inspect, dataDirectory);
  if ("why" in mount) throw RESTORE_FAILED(mount.why);
  const restore: RestorePlan = {
    kind: source.kind,
    path: source.path,
    wasRunning: isRunning,
    databases: source.databases,
  };
  const postgres: PostgresPlan = {
    // The name may come from a file that only the running container can read.
    user: client?.user ?? settings?.user ?? null,
    folder: context.config.backups.postgres ?? posix.dirname(source.path),
    baseline: baseline ?? NO_FACTS,
    dataMount: mount,
    companions: await findCompanions(server, context),
    ...{ withColdCopy: false, withDrill: false, dumpPath: null, snapshotPath: null },
    ...{ failedDataPath: null, stoppedAtMs: null, restore },
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

/** Until the new data lies complete beside the present data; the server is stopped at the end. */
async function prepare(update: PostgresUpdate, source: RestoreSource): Promise<void> {
  const { operation, member, plan, context } = update;
  const { ports, config } = context;
  const say = (text: string) =>
    context.progress({ kind: "phase", container: member.container, phase: "roll-back", text });
  operation.step("back-up", member, { restore: "stop dependents" });
  say("stopping dependents and sidecars");
  await ports.engine.setRestartPolicy(member.formerId, { Name: "no" });
  await holdPolicies(plan.companions, context);
  await stopCompanions(plan.companions, "dependent", context);
  await stopCompanions(plan.companions, "sidecar", context);
  let init = [...DEFAULT_INIT];
  if (plan.restore?.wasRunning) {
    const client = await connect(member.formerInspect, plan.user, ports.engine);
    await awaitIdle(client, ports.clock, await addressBook(context));
    const [facts] = await client.rows<InitFacts>("postgres", INIT_FACTS);
    if (facts !== undefined) init = initArguments(facts);
    say("dumping what is there now");
    const { host } = config;
    const dump = await dumpCluster(
      client,
      { host, folder: plan.folder, occasion: "pre-update", onProgress: say },
      ports,
    );
    plan.dumpPath = dump.path;
    operation.savePlan();
    say("stopping the server");
    await ports.engine.stopContainer(member.formerId, STOP_TIMEOUT_S);
  }
  operation.step("back-up", member, { restore: "fill" });
  say(`making the new data from ${source.path}`);
  await withPlace(update, async (helper) => fill(helper, update, source, init));
}

const DEFAULT_INIT = ["--encoding=UTF8"];

async function withPlace<Result>(
  { operation, member, plan, context }: PostgresUpdate,
  work: (helper: DataHelper) => Promise<Result>,
): Promise<Result> {
  const isCopy = plan.restore?.kind === "snapshot";
  const folder = isCopy ? posix.dirname(plan.restore?.path ?? "") : undefined;
  const request = {
    ...{ operationId: operation.id, role: "restore", imageId: member.formerImageId },
    ...{ mount: plan.dataMount, isReadOnly: false },
    ...(folder === undefined ? {} : { backupFolder: folder }),
  };
  return await withData(request, context, work);
}

async function fill(
  helper: DataHelper,
  update: PostgresUpdate,
  source: RestoreSource,
  init: readonly string[],
): Promise<void> {
  const { operation, member, plan, context } = update;
  const { dataMount: mount } = plan;
  const { incoming } = ownFolders(mount, operation.id);
  await needRoom(helper, mount.dataDirectory, source.neededBytes);
  if (source.kind === "snapshot") {
    const { path } = source;
    const backupFolder = posix.dirname(path);
    await fillFromCopy(helper, { mount, operationId: operation.id, backupFolder, path });
  } else {
    await helper.run(["rm", "-rf", "--", incoming]);
    const owner = (await helper.run(["stat", "-c", "%u:%g", mount.dataDirectory])).trim();
    const superuser = (await superuserOf(update)) ?? "postgres";
    const { ports } = context;
    const request = {
      ...{ folder: incoming, superuser, owner, initArguments: init },
      serverArguments: settingsOf(member.formerInspect.Config.Cmd ?? []),
      configurationFrom: mount.dataDirectory,
    };
    await withFreshCluster(helper, request, ports.engine, async (cluster) => {
      const { path, contents } = source.dump;
      await restorePlain(cluster, { path, database: "postgres", superuser }, ports.dumpFiles);
      await analyse(cluster);
      if (contents !== null) await compareWithDump(cluster, contents);
    });
  }
  const { state } = await helper.controlData(incoming);
  if (state !== "shut down") throw RESTORE_FAILED(`the new data says "${state}"`);
  await helper.run(["sync"], { timeoutMs: 30 * 60_000 });
}

async function superuserOf({ member, plan }: PostgresUpdate): Promise<string | null> {
  if (plan.user !== null) return plan.user;
  const entry = member.formerInspect.Config.Env?.find((each) => each.startsWith("POSTGRES_USER="));
  return entry?.slice("POSTGRES_USER=".length) ?? null;
}

/** From the exchange on: forward, or back to the former data where the new does not serve. */
async function finish(update: PostgresUpdate): Promise<OperatorError | null> {
  const { operation, member, plan, context } = update;
  try {
    operation.step("deploy", member, { restore: "exchange" });
    context.progress({
      ...{ kind: "phase", container: member.container, phase: "roll-back" },
      text: "exchanging the data",
    });
    await withPlace(update, async (helper) => {
      const { incoming } = ownFolders(plan.dataMount, operation.id);
      if ((await exchangeState(helper, plan.dataMount, operation.id)) === "none") {
        await markComplete(helper, incoming);
      }
      await exchange(helper, plan.dataMount, operation.id);
    });
    operation.step("verify", member, { restore: "start server" });
    await startAndProve(update);
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    await putFormerDataBack(update);
    await leave(update, error);
    return error;
  }
  const problems = await companionsBack(update);
  const { aside } = ownFolders(plan.dataMount, operation.id);
  const worse = problems.length === 0 ? "" : `\nworse than before: ${problems.join("; ")}`;
  context.state.transaction(() => {
    operation.step("commit", null);
    const body = `restored - from ${plan.restore?.path}\nformer data: ${aside}\ndump of it: ${plan.dumpPath ?? "none"}${worse}`;
    tell(update, "postgres-complete", body);
    operation.close("committed");
  });
  return problems.length === 0 ? null : RESTORE_FAILED(`restored, but ${problems.join("; ")}`);
}

async function startAndProve(update: PostgresUpdate): Promise<void> {
  const { operation, member, plan, context } = update;
  const { engine } = context.ports;
  await engine.startContainer(member.formerId);
  const expectation = { imageId: member.formerImageId, withDeep: false, withoutDependents: true };
  const proof = await verify(member, expectation, context);
  if (proof.verdict !== "healthy") throw RESTORE_FAILED(proof.why);
  const present = await engine.inspectContainer(member.formerId);
  if (present === null) throw RESTORE_FAILED("its container is gone");
  const now = await readCluster(await connect(present, plan.user, engine));
  const there = new Set(now.databases.map(({ name }) => name));
  const missing = (plan.restore?.databases ?? []).filter((name) => !there.has(name));
  if (missing.length > 0) throw RESTORE_FAILED(`databases are missing: ${missing.join(", ")}`);
  const { user } = plan;
  await checkCluster(member.container, { baseline: now, user, operationId: operation.id }, context);
}

/** The same exchange the other way round; what did not serve is kept aside too. */
async function putFormerDataBack(update: PostgresUpdate): Promise<void> {
  const { operation, member, plan, context } = update;
  await quietly(context, async () => {
    await context.ports.engine.stopContainer(member.formerId, STOP_TIMEOUT_S);
    await withPlace(update, async (helper) => {
      const back = `${operation.id}-back`;
      const { aside } = ownFolders(plan.dataMount, operation.id);
      const { incoming } = ownFolders(plan.dataMount, back);
      const state = await exchangeState(helper, plan.dataMount, operation.id);
      if (state === "none") return;
      if (state === "begun") await exchange(helper, plan.dataMount, operation.id);
      if ((await exchangeState(helper, plan.dataMount, back)) === "none") {
        const script = 'rm -f "$1/pratique-moved" && mv "$1" "$2"';
        await helper.run(["/bin/sh", "-c", script, "back", aside, incoming]);
        await markComplete(helper, incoming);
      }
      await exchange(helper, plan.dataMount, back);
    });
  });
}

/** Everything as it was before: the incomplete new data goes, server and companions run again. */
async function leave(update: PostgresUpdate, why: OperatorError): Promise<void> {
  const { operation, member, plan, context } = update;
  const { engine } = context.ports;
  const problems: string[] = [];
  await quietly(context, async () => {
    await removeHelpers(operation.id, engine);
    const { incoming } = ownFolders(plan.dataMount, operation.id);
    await withPlace(update, (helper) => helper.run(["rm", "-rf", "--", incoming])).catch(() => {});
    if (plan.restore?.wasRunning) {
      await engine.startContainer(member.formerId);
      const { formerImageId: imageId } = member;
      const expectation = { imageId, withDeep: false, withoutDependents: true };
      const proof = await verify(member, expectation, context);
      if (proof.verdict !== "healthy") problems.push(proof.why);
    }
    problems.push(...(await companionsBack(update)));
  });
  context.state.transaction(() => {
    operation.step("roll-back", null);
    const event = problems.length === 0 ? "update-failed" : "rollback-failed";
    const state = problems.length === 0 ? "the former data serves again" : problems.join("; ");
    tell(update, event, `failed - restore of ${plan.restore?.path}: ${state}\n${why.message}`);
    operation.close(problems.length === 0 ? "rolled-back" : "rollback-failed");
  });
}

function tell(
  { operation, member, context }: PostgresUpdate,
  event: "postgres-complete" | "update-failed" | "rollback-failed",
  body: string,
): void {
  const { host, notify } = context.config;
  const text = { subject: member.service, container: member.container, body };
  const message = shapeMessage(event, text, { host, notify, key: `${event}:${operation.id}` });
  if (message !== null) enqueueMessage(context.state, message);
}

/** What a crash left of a restore: an exchange that began is finished, anything earlier undone. */
export async function recoverRestore(
  operation: Operation,
  steps: Steps,
  context: RunContext,
): Promise<void> {
  const update = updateOf(operation, steps, context);
  const mount = update.plan.dataMount;
  await context.ports.engine.stopContainer(update.member.formerId, STOP_TIMEOUT_S);
  const state = await withPlace(update, async (helper) => {
    const back = `${operation.id}-back`;
    const { incoming } = ownFolders(mount, back);
    const look = 'if [ -d "$1" ]; then echo yes; fi';
    const isReturning = await helper.run(["/bin/sh", "-c", look, "look", incoming]);
    if (isReturning.trim() === "yes") {
      if ((await exchangeState(helper, mount, back)) === "none")
        await markComplete(helper, incoming);
      await exchange(helper, mount, back);
    }
    const wasReturned = (await exchangeState(helper, mount, back)) !== "none";
    return wasReturned ? "none" : await exchangeState(helper, mount, operation.id);
  });
  if (state === "none") await leave(update, RESTORE_FAILED("it was interrupted"));
  else await finish(update);
}
