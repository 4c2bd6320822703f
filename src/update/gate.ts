import type { Decision } from "../policy/decision.ts";
import { decide } from "../policy/gate.ts";
import { deniedCandidate } from "../policy/scanner-deny-list.ts";
import { listApprovals } from "../state/approvals.ts";
import { firstSeen } from "../state/first-seen.ts";
import type { Digest } from "../values/digest.ts";
import { referenceKey } from "../values/image-reference.ts";
import type { RunContext } from "./context.ts";
import type { Group } from "./group.ts";
import type { Scans } from "./scan.ts";

class Approved {
  readonly #digest: Digest | null;
  constructor(digest: Digest | null) {
    this.#digest = digest;
  }
  get digest(): Digest | null {
    return this.#digest;
  }
}

/** Proof that this image may run: the type leaves this file, the constructor does not. */
export type ApprovedImage = Approved;

export interface GateResult {
  /** By container; one that may not pass holds the whole group. */
  decisions: ReadonlyMap<string, Decision>;
  /** Null when any member may not pass. */
  approved: ApprovedImage | null;
}

/** A roll back is never gated: what ran here before may run here again (DESIGN section 11). */
export function approveFormer(digest: Digest | null): ApprovedImage {
  return new Approved(digest);
}

/** Asks the policy for each member with what is known now. Decides, does nothing. */
export function gate(group: Group, scans: Scans, context: RunContext): GateResult {
  const { config, state, ports } = context;
  // The tag is that of all: what was approved for one member is approved for the digest.
  const approvals = group.members.flatMap(({ container }) => listApprovals(state, container));
  const firstSeenMs = firstSeen(state, referenceKey(group.reference), group.candidate);
  const nowMs = ports.clock.now();
  const decisions = new Map<string, Decision>();
  for (const member of group.members) {
    const decision = decide(
      {
        candidate: scans.candidate,
        running: scans.running.get(member.container) ?? null,
        digest: group.candidate,
        approvals,
        firstSeenMs,
        cooldownMs: member.cooldownMs,
        deniedImage: deniedCandidate(group.reference, group.candidate),
      },
      config.gate,
      nowMs,
    );
    decisions.set(member.container, decision);
  }
  const mayPass = [...decisions.values()].every(isPass);
  return { decisions, approved: mayPass ? new Approved(group.candidate) : null };
}

/** Whether a decision lets the candidate into service. */
export function isPass(decision: Decision): boolean {
  return decision.kind === "pass" || decision.kind === "warn";
}
