/**
 * How a PostgreSQL update ends that did not succeed, at any step and after any crash: before the
 * server stopped everything is started again; after it the former image comes back, on its own data
 * or on the cold copy; after the commit point nothing that applications wrote is thrown away. While
 * the engine is away nothing ends: the operation stays open, and the next recovery goes on.
 */
import { awaitEngine } from "../update/await-engine.ts";
import { attempt, type Failure, isEngineAway, isFailure, isUnanswered } from "../update/failure.ts";
import type { ContainerReport, Outcome } from "../update/outcome.ts";
import { parkedName } from "../update/plan.ts";
import { quietly } from "../update/quietly.ts";
import { announceRollBack, recordEnd, reportsOf } from "../update/record-operation.ts";
import { leftOpen, type RollBackResult, rollBack, rollBackOutcomes } from "../update/roll-back.ts";
import { abandon, tidy } from "../update/run-update.ts";
import { verify } from "../update/verify.ts";
import { checkCluster } from "./check-cluster.ts";
import { connect } from "./client.ts";
import { restoreCopy, withData } from "./cold-copy.ts";
import { stopCompanions } from "./companions.ts";
import { dumpCluster } from "./dump.ts";
import { removeHelpers } from "./helper.ts";
import { companionsBack, hasSameExtensions, type PostgresUpdate } from "./postgres-update.ts";
import { isBefore } from "./steps.ts";

/** A restart of the engine takes seconds; a package upgrade some minutes. */
const ENGINE_PATIENCE_MS = 5 * 60_000;
const STOP_TIMEOUT_S = 120;

/** Ends an update that failed in the step that was reached. */
export async function endFailed(
  update: PostgresUpdate,
  failure: Failure,
): Promise<ContainerReport[]> {
  const { operation, member, context } = update;
  const engine = await attempt(failure.phase, member, () =>
    awaitEngine(context.ports, ENGINE_PATIENCE_MS),
  );
  if (await isEngineAway(engine, context)) return stayOpen(update, failure);
  await quietly(context, () => removeHelpers(operation.id, context.ports.engine));
  if (isBefore(update.reached, "stop server")) return await startAgain(update, failure);
  if (isBefore(update.reached, "start dependents")) {
    return await goBackPostgres(update, failure, { mayRestore: true });
  }
  return await afterCommitPoint(update, failure);
}

/** Nothing is on record: the next recovery ends it. */
function stayOpen(
  { operation, member, steps }: PostgresUpdate,
  failure: Failure,
): ContainerReport[] {
  return reportsOf(operation, new Map([[member.container, leftOpen(failure)]]), steps);
}

/** The server was not stopped: whatever was, is started again, and a person called if it is not well. */
async function startAgain(update: PostgresUpdate, failure: Failure): Promise<ContainerReport[]> {
  const { operation, member, steps, context } = update;
  const server = await attempt(failure.phase, member, () => serverAgain(update));
  const companions = await attempt(failure.phase, member, () => companionsBack(update));
  if (await isEngineAway([server, companions].find(isUnanswered), context)) {
    return stayOpen(update, failure);
  }
  const problems = [
    ...(isFailure(server) ? [server.why] : []),
    ...(isFailure(companions) ? [companions.why] : companions),
  ];
  if (problems.length === 0) return await abandon(operation, failure, steps, context);
  const { phase, evidence } = failure;
  const why = [failure.why, ...problems].join("; ");
  const outcome: Outcome = { kind: "rollback-failed", phase, why, evidence };
  const outcomes = new Map([[member.container, outcome]]);
  return recordEnd(operation, outcomes, failure, steps, context).reports;
}

/** Nobody stopped it, but it may have ended, and an engine that restarted has left it down. */
async function serverAgain(update: PostgresUpdate): Promise<void> {
  const { member, context } = update;
  const former = await context.ports.engine.inspectContainer(member.formerId);
  if (former === null || former.State.Running) return;
  await context.ports.engine.startContainer(member.formerId);
  await proveFormer(update);
}

/** The former image back on data that it can read, proved; then everybody who was stopped. */
export async function goBackPostgres(
  update: PostgresUpdate,
  failure: Failure,
  options: { mayRestore: boolean },
): Promise<ContainerReport[]> {
  const { operation, member, plan, steps, context } = update;
  announceRollBack(operation, failure, context);
  const result = await steps.run("roll-back", failure.why, async () => {
    operation.step("roll-back", member, { postgres: update.reached });
    const mayRestore = options.mayRestore && plan.snapshotPath !== null;
    const back = await putServerBack(update, mayRestore);
    // Nobody may write yet: the next recovery may still put the cold copy back.
    if (back.kind === "engine-away") return back;
    // From here on applications may write: no recovery puts the cold copy back over that.
    operation.step("roll-back", member, { postgres: "start dependents" });
    const companions = await attempt("roll-back", member, () => companionsBack(update));
    const problems = isFailure(companions) ? [companions.why] : companions;
    if (problems.length === 0) return back;
    const isAway = await isEngineAway(companions, context);
    const kind = isAway ? ("engine-away" as const) : ("failed" as const);
    const why = [back.why, ...problems].filter((each) => each !== "").join("; ");
    return { ...back, kind, why, evidence: [...back.evidence, ...problems] };
  });
  const kept = plan.failedDataPath;
  const told: Failure =
    kept === null
      ? failure
      : { ...failure, evidence: [...failure.evidence, `the data it left is kept in ${kept}`] };
  const outcomes = rollBackOutcomes(operation, told, result);
  if (result.kind === "engine-away") return reportsOf(operation, outcomes, steps);
  const { reports, isRecorded } = recordEnd(operation, outcomes, told, steps, context);
  if (isRecorded && result.kind === "rolled-back")
    await tidy(operation, "rolled-back", steps, context);
  return reports;
}

async function putServerBack(update: PostgresUpdate, mayRestore: boolean): Promise<RollBackResult> {
  const { operation, member, context } = update;
  if (!isBefore(update.reached, "start candidate")) {
    const ready = await attempt("roll-back", member, () => makeReadable(update, mayRestore));
    if (isFailure(ready)) context.progress({ kind: "note", text: ready.why });
  }
  const result = await rollBack(operation, context);
  if (result.kind === "engine-away" || result.superseded.size > 0) return result;
  const proof = await attempt("roll-back", member, () => proveFormer(update));
  if (isFailure(proof) && (await isEngineAway(proof, context))) {
    return { ...result, kind: "engine-away", why: proof.why };
  }
  if (result.kind === "rolled-back" && !isFailure(proof)) return result;
  const why = isFailure(proof) ? proof.why : result.why;
  if (!mayRestore || update.plan.failedDataPath !== null) return { ...result, kind: "failed", why };
  context.progress({ kind: "note", text: `${why} The cold copy is put back.` });
  const second = await attempt("roll-back", member, async () => {
    await stopNamed(update);
    await restore(update);
    await context.ports.engine.startContainer(member.container);
    await proveFormer(update);
  });
  if (!isFailure(second)) return { ...result, kind: "rolled-back", why: "" };
  const kind = (await isEngineAway(second, context)) ? "engine-away" : "failed";
  return { ...result, kind, why: `${why}; with the cold copy: ${second.why}` };
}

/** Stops the candidate; where it left data that is not of this cluster, the cold copy replaces it. */
async function makeReadable(update: PostgresUpdate, mayRestore: boolean): Promise<void> {
  const { operation, member, plan, context } = update;
  await stopNamed(update);
  const { dataMount: mount, baseline } = plan;
  const request = {
    ...{ operationId: operation.id, role: "control-data", imageId: member.formerImageId, mount },
    isReadOnly: true,
  };
  const identifier = await attempt("roll-back", member, () =>
    withData(request, context, async (helper) => (await helper.controlData()).systemIdentifier),
  );
  if (identifier === baseline.systemIdentifier || !mayRestore) return;
  await restore(update);
}

async function restore({ operation, member, plan, context }: PostgresUpdate): Promise<void> {
  if (plan.snapshotPath === null) return;
  const { folder: backupFolder, dataMount: mount, snapshotPath: path } = plan;
  const imageId = member.formerImageId;
  const request = { operationId: operation.id, imageId, mount, backupFolder, path };
  plan.failedDataPath = await restoreCopy(request, context);
  operation.savePlan();
}

/** Never two servers on one data directory: whoever has it open ends first. */
async function stopNamed({ operation, member, context }: PostgresUpdate): Promise<void> {
  const { engine } = context.ports;
  const names = [member.container, member.newId, member.formerId];
  for (const name of names) {
    const present = name === null ? null : await engine.inspectContainer(name);
    const isOurs =
      present !== null &&
      [member.formerImageId, operation.plan.candidateImageId].includes(present.Image);
    if (!isOurs) continue;
    await engine.setRestartPolicy(present.Id, { Name: "no" });
    await engine.stopContainer(present.Id, STOP_TIMEOUT_S);
  }
}

async function proveFormer(update: PostgresUpdate): Promise<void> {
  const { operation, member, plan, context } = update;
  const imageId = member.formerImageId;
  const expectation = { imageId, withDeep: false, withoutDependents: true };
  await verify(member, expectation, context);
  const { baseline, user } = plan;
  await checkCluster(member.container, { baseline, user, operationId: operation.id }, context);
}

/** Applications may have written: their data stays, with the former image only where it can read. */
async function afterCommitPoint(
  update: PostgresUpdate,
  failure: Failure,
): Promise<ContainerReport[]> {
  const { operation, member, plan, steps, context } = update;
  const isSame = await attempt("verify", member, () => hasSameExtensions(update));
  if (await isEngineAway(isSame, context)) return stayOpen(update, failure);
  if (isSame === true) {
    const stopped = await attempt("verify", member, async () => {
      await stopCompanions(plan.companions, "sidecar", context);
      await stopCompanions(plan.companions, "dependent", context);
    });
    if (isFailure(stopped)) context.progress({ kind: "note", text: stopped.why });
    return await goBackPostgres(update, failure, { mayRestore: false });
  }
  await quietly(context, () => removeParked(update));
  const dump = await attempt("verify", member, () => dumpNewState(update));
  const companions = await attempt("verify", member, () => companionsBack(update));
  if (await isEngineAway(companions, context)) return stayOpen(update, failure);
  const kept = isFailure(dump) ? `it could not be dumped: ${dump.why}` : `its dump is ${dump}`;
  const why = `${failure.why}. Extensions changed and applications may have written, so the new server keeps running; ${kept}. A person must decide.`;
  const evidence = isFailure(companions) ? [companions.why] : companions;
  const outcome: Outcome = {
    ...{ kind: "rollback-failed", phase: failure.phase, why },
    evidence: [...failure.evidence, ...evidence],
  };
  const outcomes = new Map([[member.container, outcome]]);
  return recordEnd(operation, outcomes, failure, steps, context).reports;
}

/**
 * The new server stays: a former container on the same data, one `docker start` away, would be a
 * second server. Its image has a backup tag, its data is a mount of its own.
 */
async function removeParked({ operation, member, context }: PostgresUpdate): Promise<void> {
  const { engine } = context.ports;
  const parked = await engine.inspectContainer(parkedName(member.container, operation.id));
  if (parked?.Id !== member.formerId || parked.State.Running) return;
  await engine.removeContainer(parked.Id, { force: false });
}

async function dumpNewState({ member, plan, context }: PostgresUpdate): Promise<string> {
  const { ports, config } = context;
  const present = await ports.engine.inspectContainer(member.container);
  if (present === null) return "none";
  const client = await connect(present, plan.user, ports.engine);
  const { host } = config;
  const request = { host, folder: plan.folder, occasion: "manual" as const, onProgress: () => {} };
  return (await dumpCluster(client, request, ports)).path;
}
