import { EXIT, OperatorError } from "../errors.ts";
import type { HoldReason } from "../policy/decision.ts";
import type { RegistryFailure } from "../ports.ts";
import { formatDuration } from "../values/duration.ts";

/** Nothing could be decided, or a person must decide: the group waits, nothing is touched. */
export interface Refusal {
  kind: "hold";
  reason: HoldReason;
  why: string;
}

/**
 * Work on one group of which nothing is touched yet. What goes wrong with it alone is no reason to
 * leave the others, so the group is held; a missing environment, or a bug, is thrown on.
 */
export async function orHeld<Result>(work: () => Promise<Result>): Promise<Result | Refusal> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof OperatorError) || error.exit === EXIT.environment) throw error;
    return { kind: "hold", reason: "unsupported", why: error.message };
  }
}

/** Words for why the registry gave no digest. */
export function registryFailureText(failure: RegistryFailure): string {
  const { registry } = failure;
  switch (failure.kind) {
    case "unauthorised":
      return `The registry ${registry} refused the request (${failure.status}): log in with \`docker login ${registry}\`, or the image is private or gone.`;
    case "not-found":
      return `The registry ${registry} does not have this image or tag (404).`;
    case "rate-limited":
      return `The registry ${registry} limits requests (429)${
        failure.retryAfterMs === null
          ? ""
          : `; it asks to wait ${formatDuration(failure.retryAfterMs)}`
      }.`;
    case "unreachable":
      return `The registry ${registry} cannot be reached: ${failure.why}`;
    case "unexpected":
      return `The registry ${registry} gave an unexpected answer: ${failure.why}`;
  }
}
