import type { RunContext } from "./context.ts";
import type { ComposeAgreement } from "./drift.ts";
import type { GateResult } from "./gate.ts";
import type { Member } from "./group.ts";
import type { MemberPlan, UpdateFacts, UpdatePlan } from "./plan.ts";
import type { Prepared } from "./prepared.ts";
import type { PulledImage } from "./pull.ts";
import { planRecreation } from "./recreation.ts";
import type { Refusal } from "./refusal.ts";
import type { Scans } from "./scan.ts";
import { takeBaseline } from "./take-baseline.ts";

/**
 * The plan of an update that the gate let pass, made just before it begins: the health before it
 * is that of now. Holds when a required check cannot look, or when a container cannot be recreated
 * without losing something (`--rm`, a Swarm task).
 */
export async function planUpdate(
  { group, scans, gate }: Prepared,
  pulled: PulledImage,
  agreement: ComposeAgreement,
  context: RunContext,
  /** By hand a check that cannot look refuses nothing: the service may be what is broken. */
  options: { mayBeUnknown: boolean } = { mayBeUnknown: false },
): Promise<UpdatePlan | Refusal> {
  const baseline = await takeBaseline(group, options, context);
  if (baseline.kind === "hold") return baseline;
  const { reference } = group;
  const target = { imageId: pulled.image.Id, reference: reference.text };
  for (const member of group.members) {
    if (planMember(member, agreement).strategy === "compose") continue;
    const { refusals } = await planRecreation(member.inspect, target, context.ports.engine);
    const why = `${member.container} cannot be recreated safely: ${refusals.join("; ")}`;
    if (refusals.length > 0) return { kind: "hold", reason: "unsupported", why };
  }
  const [first, ...others] = group.members.map((member) => ({
    ...planMember(member, agreement),
    baseline: baseline.reports.get(member.container) ?? null,
  }));
  if (first === undefined) throw new Error("a group has members");
  return {
    kind: "update",
    reference: reference.text,
    candidateDigest: group.candidate,
    candidateImageId: pulled.image.Id,
    facts: Object.fromEntries(
      group.members.map(({ container }) => [container, factsOf(container, scans, gate)]),
    ),
    members: [first, ...others],
  };
}

/** What the journal keeps of a member before anything is changed. */
export function planMember(member: Member, agreement: ComposeAgreement): MemberPlan {
  const byEngine = agreement.byEngine.has(member.container);
  return {
    container: member.container,
    service: member.service,
    strategy: byEngine ? "engine" : member.strategy,
    formerId: member.inspect.Id,
    formerImageId: member.inspect.Image,
    formerDigest: member.runningDigests[0] ?? null,
    formerInspect: member.inspect,
    project: member.project,
    configHash: agreement.hashes.get(member.container) ?? null,
    baseline: null,
    rotation: null,
    newId: null,
    deployStartedAtMs: null,
    firstHealthyAtMs: null,
  };
}

/** What is kept of the decision about one member. */
export function factsOf(
  container: string,
  scans: Scans | null,
  gate: GateResult | null,
): UpdateFacts {
  const scan = scans?.candidate.kind === "scanned" ? scans.candidate : null;
  return {
    decision: gate?.decisions.get(container) ?? null,
    databaseUpdatedAtMs: scan?.databaseUpdatedAtMs ?? null,
    scannerVersion: scan?.scannerVersion ?? null,
  };
}
