import type { ProbeFailure } from "../../ports.ts";
import type { Address, Endpoint } from "../address.ts";
import { locate } from "../locate.ts";
import { type CheckContext, type Outcome, outcomeOfFailure, unknown } from "./check.ts";

/** Failures that say that this way leads nowhere; another one may. */
const TRY_NEXT: ReadonlySet<string> = new Set([
  "unreachable",
  "name",
  "refused",
  "closed",
  "timeout",
]);

/**
 * Asks the endpoint at each place where it may be, until one answers. All ways together have the
 * time of one probe. Gives the answer, or the outcome of not getting one.
 */
export async function reach<T extends { kind: string }>(
  context: CheckContext,
  asked: string,
  endpoint: Endpoint,
  ask: (address: Address, timeoutMs: number) => Promise<T | ProbeFailure>,
): Promise<{ kind: "reached"; answer: T; address: Address } | { kind: "lost"; outcome: Outcome }> {
  const addresses = await locate(endpoint, context.container, context);
  const endMs = context.clock.monotonicMs() + context.timeoutMs;
  const failures: { address: Address; failure: ProbeFailure }[] = [];
  for (const [index, address] of addresses.entries()) {
    const leftMs = endMs - context.clock.monotonicMs();
    if (leftMs <= 0) break;
    // One that swallows everything must leave time for the others.
    const answer = await ask(address, leftMs / (addresses.length - index));
    if (!isFailure(answer)) return { kind: "reached", answer, address };
    failures.push({ address, failure: answer });
    if (!TRY_NEXT.has(answer.reason)) break;
  }
  return { kind: "lost", outcome: outcomeOfAll(asked, failures) };
}

function outcomeOfAll(
  asked: string,
  failures: readonly { address: Address; failure: ProbeFailure }[],
): Outcome {
  const telling =
    failures.find(({ failure }) => failure.reason !== "unreachable" && failure.reason !== "name") ??
    failures[0];
  if (telling === undefined) {
    return unknown(
      `${asked}: no way to it from here; share a network with it, publish a port or set url`,
    );
  }
  return outcomeOfFailure(`${asked} (${telling.address.via})`, telling.failure);
}

function isFailure(answer: { kind: string }): answer is ProbeFailure {
  return answer.kind === "failed";
}
