import type { Decision } from "../policy/decision.ts";
import type { Finding } from "../ports.ts";
import { isPostgresGroup, preflight } from "../postgres/preflight.ts";
import { runPostgresUpdate } from "../postgres/run-postgres-update.ts";
import { discardCandidate } from "./clean-up.ts";
import type { RunContext } from "./context.ts";
import { settledReport } from "./discover.ts";
import { followerNames } from "./followers.ts";
import { isPass } from "./gate.ts";
import { asTheyAreNow, type Group, type Member } from "./group.ts";
import type { ContainerReport, Outcome, RunKind } from "./outcome.ts";
import { factsOf, planUpdate } from "./plan-update.ts";
import type { Prepared } from "./prepared.ts";
import { quietly } from "./quietly.ts";
import { recordSettled } from "./record-settled.ts";
import { orHeld, type Refusal } from "./refusal.ts";
import { runUpdate } from "./run-update.ts";
import type { Scans } from "./scan.ts";
import { whyNotToday } from "./window.ts";

export interface CarryOutOptions {
  runId: string;
  kind: RunKind;
  dryRun: boolean;
  /** A critical update of this run failed: the remaining critical ones wait. */
  hasCriticalFailed: boolean;
  /** Containers that earlier updates of this run recreated or brought back. */
  touched: ReadonlySet<string>;
}

/** The second half for one group: update it, or record why it waits. */
export async function carryOut(
  discovered: Prepared,
  options: CarryOutOptions,
  context: RunContext,
): Promise<ContainerReport[]> {
  const group = await orHeld(() =>
    asTheyAreNow(discovered.group, options.touched, context.ports.engine),
  );
  if ("kind" in group) return await refuse(discovered, group, options, context);
  const prepared = { ...discovered, group };
  const { end, gate, pulled, steps } = prepared;
  if (end.kind !== "ready" || gate?.approved == null || pulled === null) {
    return await refuse(prepared, end, options, context);
  }
  const wait = whyNotToday(options.kind, context) ?? whyCriticalWaits(prepared, options, context);
  if (wait !== null) return await refuse(prepared, wait, options, context);
  const plan = await orHeld(() => planUpdate(prepared, pulled, end.agreement, context));
  if (plan.kind === "hold") return await refuse(prepared, plan, options, context);
  const { approved } = gate;
  if (!isPostgresGroup(prepared.group)) {
    return await runUpdate({ plan, approved, steps }, options.runId, context);
  }
  const postgres = await preflight(prepared.group, pulled, context);
  if ("kind" in postgres) return await refuse(prepared, postgres, options, context);
  const ready = { plan: { ...plan, postgres }, approved, steps };
  return await runPostgresUpdate(ready, options.runId, context);
}

/** Nothing in service is touched: the queue, the message, and the refused image goes. */
async function refuse(
  prepared: Prepared,
  end: Prepared["end"],
  { runId, dryRun }: CarryOutOptions,
  context: RunContext,
): Promise<ContainerReport[]> {
  const { group, scans, gate, pulled, steps } = prepared;
  if (pulled !== null) {
    const { Id } = pulled.image;
    const containers = group.members.map(({ container }) => container);
    await quietly(context, () => discardCandidate(containers, Id, context.ports.engine));
  }
  const reports = group.members.map((member): ContainerReport => {
    const outcome = outcomeOf(member.container, prepared, end);
    const decision = gate?.decisions.get(member.container) ?? null;
    return {
      ...settledReport(member, outcome, group.candidate),
      decision,
      ...(outcome.kind === "blocked" ? { blocking: blockingFindings(decision, scans) } : {}),
      phases: steps.phases(),
      ...(outcome.kind === "would-update" ? followersIn(member, group) : {}),
    };
  });
  if (dryRun) {
    for (const report of reports) context.progress({ kind: "report", report });
    return reports;
  }
  recordSettled(reports, runId, context, (container) => factsOf(container, scans, gate));
  return reports;
}

/** A dry run names what would be recreated with it. */
function followersIn(member: Member, { members, followers }: Group) {
  const names = followerNames(member.container, [...members, ...followers]);
  const own = names.filter((name) => followers.some(({ container }) => container === name));
  return own.length === 0 ? {} : { followers: own };
}

/** What blocks, with packages and versions: the decision has only ids. */
function blockingFindings(decision: Decision | null, scans: Scans | null): Finding[] {
  if (decision?.kind !== "block" || scans?.candidate.kind !== "scanned") return [];
  const ids = new Set(decision.blockers.flatMap((blocker) => blocker.ids));
  return scans.candidate.findings.filter(({ id }) => ids.has(id));
}

function outcomeOf(container: string, { gate, group }: Prepared, end: Prepared["end"]): Outcome {
  if (end.kind === "hold") return { kind: "held", reason: end.reason, why: end.why };
  if (end.kind === "same-image") return { kind: "up-to-date" };
  if (end.kind === "would-update") return { kind: "would-update" };
  const decision = gate?.decisions.get(container);
  if (decision?.kind === "block") return { kind: "blocked" };
  if (decision?.kind === "hold") {
    return { kind: "held", reason: decision.reason, why: decision.why };
  }
  const other = group.members.find((member) => {
    const theirs = gate?.decisions.get(member.container);
    return theirs !== undefined && !isPass(theirs);
  });
  const why = `shares ${group.reference.text} with ${other?.container ?? "another"}, which may not pass`;
  return { kind: "held", reason: "group", why };
}

function whyCriticalWaits(
  { group }: Prepared,
  { hasCriticalFailed }: CarryOutOptions,
  { config }: RunContext,
): Refusal | null {
  const isCritical = group.members.some(
    ({ container, service }) =>
      config.critical.includes(service) || config.critical.includes(container),
  );
  if (!hasCriticalFailed || !isCritical) return null;
  const why = "Another critical update of this run failed; look at that one first.";
  return { kind: "hold", reason: "critical-failed", why };
}
