import {
  COMPOSE_CHANGED,
  COMPOSE_CUT_OFF,
  CONTAINER_SUPERSEDED,
  ENGINE_REFUSED,
  ENGINE_TIMEOUT,
  ENGINE_UNREACHABLE,
  isError,
  OperatorError,
  PORT_TAKEN,
  RECREATION_REFUSED,
  STATE_UNWRITABLE,
} from "../errors.ts";
import { isEngineThere } from "./await-engine.ts";
import type { RunContext } from "./context.ts";
import type { Phase } from "./phases.ts";
import type { MemberPlan } from "./plan.ts";

/** Why an update cannot be committed. */
export interface Failure {
  kind: "failure";
  phase: Phase;
  container: string;
  why: string;
  /** Catalogue code of the error behind it; null for a failed check. */
  code: string | null;
  evidence: readonly string[];
  /** `unknown`: nobody could tell, so it does not count against the digest (I11). */
  verdict: "unhealthy" | "unknown";
}

/** Failures that say nothing about the candidate. */
const NOT_THE_CANDIDATE = [
  ENGINE_UNREACHABLE,
  ENGINE_TIMEOUT,
  ENGINE_REFUSED,
  STATE_UNWRITABLE,
  CONTAINER_SUPERSEDED,
  COMPOSE_CHANGED,
  COMPOSE_CUT_OFF,
  PORT_TAKEN,
  RECREATION_REFUSED,
];

/** The failure behind an explained error; anything else is a bug and is thrown on. */
export function failureOf(error: unknown, phase: Phase, member: MemberPlan): Failure {
  if (!(error instanceof OperatorError)) throw error;
  const isOurs = NOT_THE_CANDIDATE.some((maker) => isError(error, maker));
  return {
    kind: "failure",
    phase,
    container: member.container,
    why: error.message,
    code: error.code,
    evidence: [],
    verdict: isOurs ? "unknown" : "unhealthy",
  };
}

/** Runs a part of the procedure; an explained error is its result. */
export async function attempt<Result>(
  phase: Phase,
  member: MemberPlan,
  work: () => Promise<Result>,
): Promise<Result | Failure> {
  try {
    return await work();
  } catch (error) {
    return failureOf(error, phase, member);
  }
}

/** Whether a part of the procedure failed. */
export function isFailure(result: unknown): result is Failure {
  return (
    typeof result === "object" && result !== null && "kind" in result && result.kind === "failure"
  );
}

const UNANSWERED: readonly (string | null)[] = [ENGINE_UNREACHABLE.code, ENGINE_TIMEOUT.code];

/** Whether the engine left a call unanswered: all of it may be away, or one call hangs (a dead NFS mount). */
export function isUnanswered(result: unknown): result is Failure {
  return isFailure(result) && UNANSWERED.includes(result.code);
}

/**
 * Whether a part of the procedure failed only because the engine is away for now. One that answers
 * everything else will not do this later either.
 */
export async function isEngineAway(
  result: unknown,
  { ports }: Pick<RunContext, "ports">,
): Promise<boolean> {
  return isUnanswered(result) && !(await isEngineThere(ports));
}
