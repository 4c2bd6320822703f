import type { RunContext } from "../update/context.ts";
import type { Operation } from "../update/operation.ts";
import type { MemberPlan } from "../update/plan.ts";
import type { Steps } from "../update/steps.ts";
import { awaitAnswer } from "./await-answer.ts";
import { readCluster } from "./baseline.ts";
import { givePoliciesBack, startCompanions, verifyCompanions } from "./companions.ts";
import type { PostgresPlan } from "./postgres-plan.ts";
import type { PostgresStep } from "./steps.ts";

const ANSWER_MS = 60_000;

/** One update of a PostgreSQL server in hand. */
export interface PostgresUpdate {
  operation: Operation;
  member: MemberPlan;
  plan: PostgresPlan;
  steps: Steps;
  context: RunContext;
  /** The step that began last. */
  reached: PostgresStep;
}

/** The update that an operation describes. */
export function updateOf(
  operation: Operation,
  steps: Steps,
  context: RunContext,
  reached: PostgresStep = "notify start",
): PostgresUpdate {
  const { postgres, members } = operation.plan;
  if (postgres === undefined) throw new Error("the operation is no PostgreSQL update");
  return { operation, member: members[0], plan: postgres, steps, context, reached };
}

/** Whoever has the name now gets the restart policy that the former one had. */
export async function giveServerPolicyBack({ member, context }: PostgresUpdate): Promise<void> {
  const present = await context.ports.engine.inspectContainer(member.container);
  const policy = member.formerInspect.HostConfig.RestartPolicy ?? { Name: "no" };
  if (present !== null) await context.ports.engine.setRestartPolicy(present.Id, policy);
}

/**
 * Whether extensions are what they were: else the former image may not be able to load them. A
 * server that ended is started to be asked; one that cannot answer any more can only be replaced,
 * and what the former image then lacks is found by its checks.
 */
export async function hasSameExtensions(update: PostgresUpdate): Promise<boolean> {
  const { member, plan, context } = update;
  const { ports } = context;
  const present = await ports.engine.inspectContainer(member.container);
  if (present === null) return true;
  await ports.engine.startContainer(present.Id);
  const client = await awaitAnswer(present.Id, plan.user, ports, ANSWER_MS);
  if ("why" in client) return true;
  const now = await readCluster(client);
  return Object.entries(plan.baseline.extensions).every(
    ([database, extensions]) =>
      JSON.stringify(now.extensions[database] ?? extensions) === JSON.stringify(extensions),
  );
}

/**
 * The server's restart policy, so that an engine that restarts meanwhile starts it again; then
 * dependents, sidecars, their policies. Returns who is worse than before.
 */
export async function companionsBack(update: PostgresUpdate): Promise<string[]> {
  const { plan, context } = update;
  await giveServerPolicyBack(update);
  const problems = [
    ...(await startCompanions(plan.companions, "dependent", context)),
    ...(await startCompanions(plan.companions, "sidecar", context)),
  ];
  await givePoliciesBack(plan.companions, context);
  return [...problems, ...(await verifyCompanions(plan.companions, context))];
}
