import type { ExitCode } from "../errors.ts";
import { EXIT } from "../errors.ts";
import type { Outcome } from "../update/outcome.ts";

const CODES: Record<Outcome["kind"], ExitCode> = {
  "up-to-date": EXIT.done,
  skipped: EXIT.done,
  available: EXIT.done,
  "would-update": EXIT.done,
  updated: EXIT.done,
  blocked: EXIT.refused,
  held: EXIT.refused,
  "rolled-back": EXIT.failed,
  "rollback-failed": EXIT.failed,
  failed: EXIT.failed,
};

/**
 * Exit code of a run: a failed update outranks a missing environment (engine, scanner or registry
 * unreachable), that one a signal that ended the run early, and that one a refusal.
 */
export function outcomeExit(
  containers: readonly { outcome: Pick<Outcome, "kind"> }[],
  facts: { isEnvironmentMissing?: boolean; isStopped?: boolean } = {},
): ExitCode {
  const codes = new Set(containers.map(({ outcome }) => CODES[outcome.kind]));
  if (codes.has(EXIT.failed)) return EXIT.failed;
  if (facts.isEnvironmentMissing) return EXIT.environment;
  if (facts.isStopped) return EXIT.interrupted;
  return codes.has(EXIT.refused) ? EXIT.refused : EXIT.done;
}
