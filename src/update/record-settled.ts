import type { RunContext } from "./context.ts";
import type { ContainerReport } from "./outcome.ts";
import type { UpdateFacts } from "./plan.ts";
import { recordEnding } from "./record.ts";

const NO_FACTS: UpdateFacts = { decision: null, databaseUpdatedAtMs: null, scannerVersion: null };

/** Records containers for which nothing was begun, or nothing that touched what runs. */
export function recordSettled(
  reports: readonly ContainerReport[],
  runId: string,
  context: RunContext,
  facts: (container: string) => UpdateFacts = () => NO_FACTS,
): void {
  for (const report of reports) {
    recordEnding(
      {
        report,
        facts: facts(report.container),
        candidateImageId: null,
        kind: "update",
        formerDigests: [],
        failure: null,
        key: `${runId}:${report.container}`,
      },
      runId,
      context,
    );
  }
}
