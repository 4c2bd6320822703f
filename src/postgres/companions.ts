/** Dependents and sidecars: found, stopped in reverse order, started in order, whatever fails. */
import { COMPANION_STARTED, OperatorError } from "../errors.ts";
import { dependenciesOf } from "../policy/dependencies.ts";
import type { ContainerInspect } from "../ports.ts";
import { awaitHealthy } from "../services/await-healthy.ts";
import { checkOnce, targetNamed } from "../services/check-service.ts";
import { explainProbe } from "../services/health-report.ts";
import type { RunContext } from "../update/context.ts";
import { checkDeps } from "../update/verify.ts";
import type { Companion } from "./postgres-plan.ts";
import type { PostgresServer } from "./servers.ts";

/** A sidecar's own backup may take this long to end. */
const SIDECAR_BACKUP_MS = 60 * 60_000;
const SIDECAR_POLL_MS = 2000;
const BACKUP_PROGRAMS = /\bpg_(dump|dumpall|basebackup|restore)\b/;

/** The companions of a server as configured, dependents in start order, sidecars after them. */
export async function findCompanions(
  server: PostgresServer,
  context: RunContext,
): Promise<Companion[]> {
  const { settings } = server;
  const deps = await checkDeps(context);
  const found: Companion[] = [];
  const wanted = [
    ...(settings?.dependents ?? []).map((name) => ({ name, role: "dependent" as const })),
    ...(settings?.sidecars ?? []).map((name) => ({ name, role: "sidecar" as const })),
  ];
  for (const { name, role } of wanted) {
    const target = targetNamed(name, context.config);
    const inspect = await context.ports.engine.inspectContainer(target.container);
    if (inspect === null) continue;
    const wasRunning = inspect.State.Running;
    found.push({
      container: target.container,
      service: name,
      role,
      id: inspect.Id,
      wasRunning,
      policy: inspect.HostConfig.RestartPolicy ?? { Name: "no" },
      baseline: wasRunning ? await checkOnce(target, deps, { forBaseline: true }) : null,
    });
  }
  return found;
}

/** Containers that compose says depend on the server but the configuration does not name. */
export async function undeclaredDependents(
  server: PostgresServer,
  companions: readonly Companion[],
  { ports }: RunContext,
): Promise<string[]> {
  const summaries = await ports.engine.listContainers();
  const facts = summaries.map(({ id, name, labels }) => ({
    ...{ id, name, labels, service: name },
    ...{ dependsOn: [], sharesWith: [] },
  }));
  const known = new Set([server.container, ...companions.map(({ container }) => container)]);
  return facts
    .filter(({ name }) => !known.has(name))
    .filter((each) => dependenciesOf(each, facts).includes(server.container))
    .map(({ name }) => name);
}

/** Sets every restart policy to `no`, so that an engine restart starts nothing in the middle. */
export async function holdPolicies(
  companions: readonly Companion[],
  { ports }: RunContext,
): Promise<void> {
  for (const { id } of companions) await ports.engine.setRestartPolicy(id, { Name: "no" });
}

/** Gives the restart policies back; containers that somebody removed are passed over. */
export async function givePoliciesBack(
  companions: readonly Companion[],
  { ports }: RunContext,
): Promise<void> {
  for (const { id, policy } of companions) {
    if ((await ports.engine.inspectContainer(id)) === null) continue;
    await ports.engine.setRestartPolicy(id, policy);
  }
}

/** Stops those that run, last first. A sidecar's running backup ends first. */
export async function stopCompanions(
  companions: readonly Companion[],
  role: Companion["role"],
  context: RunContext,
): Promise<void> {
  const { engine } = context.ports;
  for (const { id } of companions.filter((each) => each.role === role).toReversed()) {
    const present = await engine.inspectContainer(id);
    if (present === null || !present.State.Running) continue;
    if (role === "sidecar") await awaitBackupEnd(present, context);
    await engine.stopContainer(id);
  }
}

async function awaitBackupEnd({ Id, Name }: ContainerInspect, context: RunContext): Promise<void> {
  const { engine, clock } = context.ports;
  const startMs = clock.monotonicMs();
  while (clock.monotonicMs() - startMs < SIDECAR_BACKUP_MS) {
    const programs = await engine.processes(Id).catch(() => []);
    if (!programs.some((program) => BACKUP_PROGRAMS.test(program))) return;
    context.progress({
      kind: "wait",
      container: Name.slice(1),
      text: "its own backup is running",
      elapsedMs: clock.monotonicMs() - startMs,
      timeoutMs: SIDECAR_BACKUP_MS,
    });
    await clock.sleep(SIDECAR_POLL_MS);
  }
}

/** Throws COMPANION_STARTED when somebody started one of them in the meantime. */
export async function needStopped(
  companions: readonly Companion[],
  { ports }: RunContext,
): Promise<void> {
  const started: string[] = [];
  for (const { container } of companions) {
    if ((await ports.engine.inspectContainer(container))?.State.Running === true) {
      started.push(container);
    }
  }
  if (started.length > 0) throw COMPANION_STARTED(started.join(", "));
}

/** Starts what ran before, in order. Returns what could not be started; never throws for one. */
export async function startCompanions(
  companions: readonly Companion[],
  role: Companion["role"],
  { ports }: RunContext,
): Promise<string[]> {
  const problems: string[] = [];
  for (const { id, container, wasRunning } of companions.filter((each) => each.role === role)) {
    if (!wasRunning) continue;
    try {
      await ports.engine.startContainer(id);
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      problems.push(`${container} did not start: ${error.message}`);
    }
  }
  return problems;
}

/** Waits until every started dependent is no less healthy than before. Returns what is worse. */
export async function verifyCompanions(
  companions: readonly Companion[],
  context: RunContext,
): Promise<string[]> {
  const deps = await checkDeps(context);
  const problems: string[] = [];
  for (const { container, service, wasRunning, baseline, role } of companions) {
    if (!wasRunning || role === "sidecar") continue;
    const result = await awaitHealthy(targetNamed(service, context.config), deps, {
      deadlineMs: null,
      stableMs: null,
      expectedImageId: null,
      baseline,
      withoutDeep: true,
      onProgress: ({ text, elapsedMs, timeoutMs }) =>
        context.progress({ kind: "wait", container, text, elapsedMs, timeoutMs }),
    });
    if (result.verdict !== "healthy") {
      const reasons = result.worse.slice(0, 2).map(explainProbe).join("; ");
      problems.push(reasons === "" ? result.why : `${container}: ${reasons}`);
    }
  }
  return problems;
}
