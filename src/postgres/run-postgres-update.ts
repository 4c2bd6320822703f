/**
 * The update of a PostgreSQL server: the steps of POSTGRES_STEPS in code, as
 * `docs/runbook-postgres.md` tells them. The preflight is over when it begins. Everything that can
 * go wrong ends in one of two ends: the new image on the same data, or the former one.
 */
import { COMPANION_STARTED, POSTGRES_BUSY, SHUTDOWN_UNCLEAN } from "../errors.ts";
import { backUp, type VerifiedBackup } from "../update/back-up.ts";
import { confirmDeployed, measureDowntime } from "../update/commit.ts";
import type { RunContext } from "../update/context.ts";
import { deploy } from "../update/deploy.ts";
import { attempt, type Failure, isFailure } from "../update/failure.ts";
import type { ApprovedImage } from "../update/gate.ts";
import { beginOperation } from "../update/operation.ts";
import type { ContainerReport, Outcome } from "../update/outcome.ts";
import type { MemberPlan } from "../update/plan.ts";
import { recordCommit } from "../update/record-operation.ts";
import { type ReadyUpdate, tidy } from "../update/run-update.ts";
import { verify } from "../update/verify.ts";
import { readCluster } from "./baseline.ts";
import { checkCluster } from "./check-cluster.ts";
import { connect } from "./client.ts";
import {
  copyData,
  needCleanShutdown,
  removeCopies,
  sealCopy,
  snapshotPath,
  withData,
} from "./cold-copy.ts";
import {
  givePoliciesBack,
  holdPolicies,
  needStopped,
  startCompanions,
  stopCompanions,
  verifyCompanions,
} from "./companions.ts";
import { drill, serverArguments } from "./drill.ts";
import { dumpCluster, LONGEST_DUMP_MS } from "./dump.ts";
import { dropOldDumps, stamp } from "./dump-store.ts";
import { endFailed } from "./end-failed.ts";
import { awaitIdle, whyBusy } from "./idle.ts";
import { tellPostgres } from "./messages.ts";
import type { PostgresPlan } from "./postgres-plan.ts";
import { giveServerPolicyBack, type PostgresUpdate, updateOf } from "./postgres-update.ts";
import { addressBook } from "./preflight.ts";
import { isBefore, type PostgresStep, phaseOf, stepTitle } from "./steps.ts";
import type { VerifiedDump } from "./verify-dump.ts";

/** At least this long for a clean shutdown, whatever the container says (facts, section 6). */
const STOP_TIMEOUT_S = 120;
const CHECKPOINT_TIMEOUT_MS = 30 * 60_000;

/** Carries out the update. What the server, the image or the engine does is its outcome. */
export async function runPostgresUpdate(
  { plan, approved, steps }: ReadyUpdate,
  runId: string,
  context: RunContext,
): Promise<ContainerReport[]> {
  const operation = beginOperation(context.state, runId, plan);
  const update = updateOf(operation, steps, context);
  const failure =
    (await firstFailure(update, beforeServerStops)) ??
    (await firstFailure(update, (each) => replaceServer(each, approved)));
  if (failure !== null) return await endFailed(update, failure);
  return await goOn(update);
}

/** From the commit point on: only forward, also after a crash. */
export async function goOn(update: PostgresUpdate): Promise<ContainerReport[]> {
  const { operation, steps, context } = update;
  const result = await firstResult(update, fromCommitPoint);
  if (isFailure(result)) return await endFailed(update, result);
  await tidy(operation, "committed", steps, context);
  return result;
}

/** Steps 1 to 6: the server runs throughout. */
async function beforeServerStops(update: PostgresUpdate): Promise<void> {
  const { member, plan, context } = update;
  const { ports } = context;
  await step(update, "notify start", "telling that it begins", async () =>
    tellPostgres(update, "postgres-started"),
  );
  await step(update, "stop dependents", namesOf(plan, "dependent"), async () => {
    await ports.engine.setRestartPolicy(member.formerId, { Name: "no" });
    await holdPolicies(plan.companions, context);
    await stopCompanions(plan.companions, "dependent", context);
  });
  await step(update, "stop sidecars", namesOf(plan, "sidecar"), () =>
    stopCompanions(plan.companions, "sidecar", context),
  );
  const client = await connect(member.formerInspect, plan.user, ports.engine);
  await step(update, "verify idle", "waiting until nobody is connected", async () => {
    await awaitIdle(client, ports.clock, await addressBook(context));
    // What the applications did since the preflight belongs to what must come back.
    plan.baseline = await readCluster(client);
    update.operation.savePlan();
  });
  const made = await step(update, "dump", "dumping the whole cluster", async () => {
    const dump = await dumpCluster(
      client,
      {
        host: context.config.host,
        folder: plan.folder,
        occasion: "pre-update",
        onProgress: waiting(update, LONGEST_DUMP_MS),
      },
      ports,
    );
    plan.dumpPath = dump.path;
    update.operation.savePlan();
    return dump;
  });
  await step(
    update,
    "drill",
    plan.withDrill ? "restoring the dump in the new image" : "left out",
    () => (plan.withDrill ? rehearse(update, made) : Promise.resolve()),
  );
}

/** Proves the dump in a throwaway container of the candidate, before the server stops. */
async function rehearse(update: PostgresUpdate, dump: VerifiedDump): Promise<void> {
  const { operation, member, plan, context } = update;
  const target = {
    imageId: operation.plan.candidateImageId,
    serverArguments: await serverArguments(member.formerInspect, plan.user, context),
    operationId: operation.id,
  };
  await drill(dump, target, context);
}

/** Steps 7 to 12: until the candidate is proved on the data of before. */
async function replaceServer(update: PostgresUpdate, approved: ApprovedImage): Promise<void> {
  const { member, plan, context, operation } = update;
  await needStopped(plan.companions, context);
  await step(update, "stop server", "stopping it cleanly", () => stopServer(update));
  await step(
    update,
    "cold copy",
    plan.withColdCopy ? "copying the data directory" : "left out",
    () => coldCopy(update),
  );
  const backup = await step(update, "tag backup", "keeping the former image", () =>
    backUp(operation, context),
  );
  await step(update, "start candidate", `replacing it by ${member.strategy}`, () =>
    startCandidate(update, approved, backup),
  );
  await step(update, "await ready", "waiting until it answers over TCP", () => awaitReady(update));
  await step(update, "check cluster", "comparing with what it was", async () => {
    const { baseline, user } = plan;
    const expectation = { baseline, user, operationId: operation.id };
    await checkCluster(member.container, expectation, context);
  });
  await needStopped(plan.companions, context);
}

async function stopServer({ operation, member, plan, context }: PostgresUpdate): Promise<void> {
  const { engine, clock } = context.ports;
  const client = await connect(member.formerInspect, plan.user, engine);
  const busy = await whyBusy(client, await addressBook(context));
  if (busy.length > 0) throw POSTGRES_BUSY(member.container, busy.slice(0, 5).join("; "));
  // What is written now need not be written while everything stands still.
  await client.execute("postgres", ["CHECKPOINT"], CHECKPOINT_TIMEOUT_MS);
  plan.stoppedAtMs = clock.now();
  operation.savePlan();
  const own = Number(member.formerInspect.Config.StopTimeout ?? 0);
  await engine.stopContainer(member.formerId, Math.max(STOP_TIMEOUT_S, own));
  const { State } = (await engine.inspectContainer(member.formerId)) ?? {};
  if (State === undefined || State.Running || State.ExitCode !== 0) {
    const code = State?.ExitCode ?? "unknown";
    throw SHUTDOWN_UNCLEAN(member.container, `exit code ${code}`);
  }
  const { formerImageId: imageId } = member;
  const request = { operationId: operation.id, imageId, mount: plan.dataMount, isReadOnly: true };
  await withData({ ...request, role: "control-data" }, context, (helper) =>
    needCleanShutdown(helper, member.container),
  );
}

async function coldCopy({ operation, member, plan, context }: PostgresUpdate): Promise<void> {
  if (!plan.withColdCopy) return;
  const atMs = context.ports.clock.now();
  const path = snapshotPath(plan.folder, member.container, stamp(atMs));
  const { baseline, folder: backupFolder, dataMount: mount } = plan;
  await copyData(
    { operationId: operation.id, imageId: member.formerImageId, mount, backupFolder, path },
    {
      host: context.config.host,
      container: member.container,
      createdAt: new Date(atMs).toISOString(),
      serverVersion: baseline.serverVersion,
      major: Math.floor(baseline.versionNumber / 10_000),
      systemIdentifier: baseline.systemIdentifier,
      databases: baseline.databases.map(({ name }) => name),
      imageId: member.formerImageId,
    },
    context,
  );
  plan.snapshotPath = path;
  operation.savePlan();
}

async function startCandidate(
  { operation, member, plan, context }: PostgresUpdate,
  approved: ApprovedImage,
  backup: VerifiedBackup,
): Promise<void> {
  await deploy(member, operation, { approved, backup }, context);
  // The downtime began when the former server stopped, before dump's copy and tag.
  member.deployStartedAtMs = plan.stoppedAtMs;
  operation.savePlan();
  const present = await context.ports.engine.inspectContainer(member.container);
  if (present !== null) await context.ports.engine.setRestartPolicy(present.Id, { Name: "no" });
}

async function awaitReady({ operation, member, context }: PostgresUpdate): Promise<Failure | null> {
  const imageId = operation.plan.candidateImageId;
  const expectation = { imageId, withDeep: true, withoutDependents: true };
  const { verdict, why, evidence, firstPassed } = await verify(member, expectation, context);
  member.firstHealthyAtMs = firstPassed?.wallMs ?? null;
  if (verdict === "healthy") return null;
  const { container } = member;
  return { kind: "failure", phase: "verify", container, why, code: null, evidence, verdict };
}

/** Steps 13 to 16. Applications may write from here on. */
async function fromCommitPoint(update: PostgresUpdate): Promise<Failure | ContainerReport[]> {
  const { operation, member, plan, steps, context } = update;
  const problems: string[] = [];
  const unready = await serverRuns(update);
  if (unready !== null) return unready;
  await step(update, "start dependents", namesOf(plan, "dependent"), async () => {
    problems.push(...(await startCompanions(plan.companions, "dependent", context)));
  });
  await step(
    update,
    "verify dependents",
    "waiting until they are as healthy as before",
    async () => {
      problems.push(...(await verifyCompanions(plan.companions, context)));
    },
  );
  if (problems.length > 0) return companionFailure(member, problems);
  await step(update, "start sidecars", namesOf(plan, "sidecar"), async () => {
    for (const problem of await startCompanions(plan.companions, "sidecar", context)) {
      context.progress({ kind: "note", text: problem });
    }
    await givePoliciesBack(plan.companions, context);
    await giveServerPolicyBack(update);
  });
  return await attempt("commit", member, async () => {
    await confirmDeployed(operation, context);
    const downtimeMs = await measureDowntime(operation, member.container, context);
    const outcomes = new Map<string, Outcome>([
      [member.container, { kind: "updated", downtimeMs }],
    ]);
    const reports = context.state.transaction(() => {
      const done = recordCommit(operation, outcomes, steps, context);
      tellPostgres(update, "postgres-complete");
      return done;
    });
    await sealColdCopy(update);
    await dropOld(update);
    return reports;
  });
}

/** After a crash the engine may have restarted: the policy is still `no` then. */
async function serverRuns(update: PostgresUpdate): Promise<Failure | null> {
  const { engine } = update.context.ports;
  const present = await engine.inspectContainer(update.member.container);
  if (present === null || present.State.Running) return null;
  await engine.startContainer(present.Id);
  return await awaitReady(update);
}

function companionFailure(member: MemberPlan, problems: readonly string[]): Failure {
  return {
    kind: "failure",
    phase: "verify",
    container: member.container,
    why: `dependents are worse than before: ${problems.slice(0, 4).join("; ")}`,
    code: null,
    evidence: problems,
    verdict: "unhealthy",
  };
}

/** The copy is whole without it; with it a restore sees every altered byte. */
async function sealColdCopy({ operation, member, plan, context }: PostgresUpdate): Promise<void> {
  const { snapshotPath: path, folder: backupFolder, dataMount: mount } = plan;
  if (path === null) return;
  const { formerImageId: imageId } = member;
  try {
    await sealCopy({ operationId: operation.id, imageId, mount, backupFolder, path }, context);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    context.progress({
      kind: "note",
      text: `The cold copy has no checksum of its content: ${why}`,
    });
  }
}

async function dropOld({ operation, member, plan, context }: PostgresUpdate): Promise<void> {
  const { host, backups } = context.config;
  const about = { occasion: "pre-update" as const, container: member.container, host };
  const { dumpFiles } = context.ports;
  const keep = backups.keepDumps.preUpdate;
  try {
    await dropOldDumps(plan.folder, { ...about, keep }, dumpFiles, async (paths) => {
      const { formerImageId: imageId } = member;
      const by = { operationId: operation.id, imageId, backupFolder: plan.folder };
      await removeCopies(paths, by, context);
    });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    context.progress({ kind: "note", text: `Old dumps could not be removed: ${why}` });
  }
}

/** Journals the intent, tells it, measures it. A failure that the work returns is thrown on. */
async function step<Result>(
  update: PostgresUpdate,
  name: PostgresStep,
  text: string,
  work: () => Promise<Result>,
): Promise<Exclude<Result, Failure>> {
  const { operation, member, steps } = update;
  const phase = phaseOf(name);
  update.reached = name;
  operation.step(phase, member, { postgres: name });
  const line = text === "" ? stepTitle(name) : `${stepTitle(name)}: ${text}`;
  const result = await steps.run(phase, line, work);
  if (isFailure(result)) throw new FailedStep(result);
  return result as Exclude<Result, Failure>;
}

class FailedStep extends Error {
  readonly failure: Failure;
  constructor(failure: Failure) {
    super(failure.why);
    this.failure = failure;
  }
}

async function firstFailure(
  update: PostgresUpdate,
  work: (update: PostgresUpdate) => Promise<void>,
): Promise<Failure | null> {
  const result = await firstResult(update, work);
  return isFailure(result) ? result : null;
}

async function firstResult<Result>(
  update: PostgresUpdate,
  work: (update: PostgresUpdate) => Promise<Result>,
): Promise<Result | Failure> {
  const result = await attempt("verify", update.member, async () => {
    try {
      return await work(update);
    } catch (error) {
      if (error instanceof FailedStep) return error.failure;
      throw error;
    }
  });
  if (!isFailure(result)) return result;
  const phase = phaseOf(update.reached);
  const evidence = [`in step ${stepTitle(update.reached)}`, ...result.evidence];
  // Before the candidate starts, nothing can be its fault.
  const isForeign =
    result.code === COMPANION_STARTED.code || isBefore(update.reached, "start candidate");
  return { ...result, phase, evidence, ...(isForeign ? { verdict: "unknown" } : {}) };
}

function waiting({ member, context }: PostgresUpdate, timeoutMs: number): (text: string) => void {
  const { clock } = context.ports;
  const startMs = clock.monotonicMs();
  const { container } = member;
  return (text) =>
    context.progress({
      ...{ kind: "wait", container, text, timeoutMs },
      elapsedMs: clock.monotonicMs() - startMs,
    });
}

function namesOf({ companions }: PostgresPlan, role: "dependent" | "sidecar"): string {
  const names = companions
    .filter((each) => each.role === role && each.wasRunning)
    .map(({ container }) => container);
  return names.length === 0 ? "none" : names.join(", ");
}
