/**
 * The plan of one operation: the recorded old world and the intent for each member. It is written
 * to the journal before the first change and after each fact that a recovery needs. Together with
 * what the engine says, it is all that `recover.ts` has (facts/crash-safety, rule 3).
 */
import type { Decision } from "../policy/decision.ts";
import type { BackupRotation } from "../policy/retention.ts";
import type { ComposeProject, ContainerInspect, ContainerSummary } from "../ports.ts";
import type { PostgresPlan } from "../postgres/postgres-plan.ts";
import type { HealthReport } from "../services/health-report.ts";
import type { Digest } from "../values/digest.ts";

export interface MemberPlan {
  /**
   * `follows`: it lives in a candidate's namespaces, and is recreated with it on the image that it
   * has. All that is done and undone is the same for both; only a candidate has an outcome.
   */
  role: "candidate" | "follows";
  container: string;
  /** Key in the configuration. */
  service: string;
  /** As the container's configuration has it. */
  reference: string;
  strategy: "compose" | "engine";
  /** Members whose namespaces it shares: they are replaced before it, and it stops before them. */
  attachedTo: readonly string[];
  /** False for a follower that was stopped: it is recreated, never started. */
  wasUp: boolean;
  formerId: string;
  formerImageId: string;
  formerDigest: Digest | null;
  /** Every digest the former image is known by: an index may change and still name it. */
  formerDigests: readonly Digest[];
  /** Everything the engine knew of the former container: the last way to make it again. */
  formerInspect: ContainerInspect;
  project: ComposeProject | null;
  /** `config --hash` when the dry run was clean: a roll back by compose needs the same one. */
  configHash: string | null;
  baseline: HealthReport | null;
  rotation: BackupRotation | null;
  /** Engine strategy: the container made for the candidate, known from its creation on. */
  newId: string | null;
  /** Wall time when the former container was about to be stopped. */
  deployStartedAtMs: number | null;
  firstHealthyAtMs: number | null;
}

/** What was known when the gate decided: kept, so that an outcome after a crash says it too. */
export interface UpdateFacts {
  decision: Decision | null;
  databaseUpdatedAtMs: number | null;
  scannerVersion: string | null;
}

export interface UpdatePlan {
  kind: "update" | "rollback";
  /** As the candidates' configuration has it. */
  reference: string;
  candidateDigest: Digest | null;
  candidateImageId: string;
  /** What the history and the message say of each member, by container; decided before. */
  facts: Record<string, UpdateFacts>;
  /** Parents before children; the first is a candidate. */
  members: [MemberPlan, ...MemberPlan[]];
  /** Set where the (only) member is a PostgreSQL server: its own procedure (src/postgres/). */
  postgres?: PostgresPlan;
}

/** The members that get the candidate, and the outcome. */
export function candidatesOf({ members }: Pick<UpdatePlan, "members">): MemberPlan[] {
  return members.filter(({ role }) => role === "candidate");
}

/** The image that a member runs when the update is done. */
export function imageFor(member: MemberPlan, { candidateImageId }: UpdatePlan): string {
  return member.role === "candidate" ? candidateImageId : member.formerImageId;
}

/**
 * A member and the other replicas of its compose service: `up` knows no single one of them, so it
 * replaces all of them at once.
 */
export function replicasOf<Each extends Pick<MemberPlan, "project" | "strategy">>(
  member: Each,
  { members }: { members: readonly Each[] },
): Each[] {
  return members.filter(
    (each) =>
      each === member ||
      (member.strategy === "compose" &&
        each.strategy === "compose" &&
        each.project?.project === member.project?.project &&
        each.project?.service === member.project?.service),
  );
}

/** The members that live in this one's namespaces, children of children too, parents first. */
export function membersWithin(
  { container }: Pick<MemberPlan, "container">,
  { members }: Pick<UpdatePlan, "members">,
): MemberPlan[] {
  const names = new Set([container]);
  return members.filter((member) => {
    const isWithin = member.attachedTo.some((name) => names.has(name));
    if (isWithin) names.add(member.container);
    return isWithin;
  });
}

/** The containers that are recreated with a candidate, by name. */
export function followersOf(candidate: MemberPlan, plan: Pick<UpdatePlan, "members">): string[] {
  return membersWithin(candidate, plan)
    .filter(({ role }) => role === "follows")
    .map(({ container }) => container);
}

/** Names that a crashed operation can be recognised by; deterministic, so a lost id is no loss. */
export function temporaryName(container: string, operationId: string): string {
  return `${container}-pratique-new-${operationId}`;
}

/** Name of the former container while the candidate proves itself. */
export function parkedName(container: string, operationId: string): string {
  return `${container}-pratique-former-${operationId}`;
}

/** Name of a never-started container that keeps an image through `docker image prune -a`. */
export function anchorName(operationId: string, role: string): string {
  return `pratique-anchor-${operationId}-${role}`;
}

/** The operation that an anchor or a parked container belongs to; null for every other container. */
export function operationIn({
  name,
  labels,
}: Pick<ContainerSummary, "name" | "labels">): string | null {
  const labelled = labels[OPERATION_LABEL];
  if (labelled !== undefined && name.startsWith(anchorName(labelled, ""))) return labelled;
  return /-pratique-former-([0-9a-f]{8})$/.exec(name)?.[1] ?? null;
}

/** Label of everything that belongs to one operation and to nobody else. */
export const OPERATION_LABEL = "pratique.operation";
