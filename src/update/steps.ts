import type { RunContext } from "./context.ts";
import type { Group } from "./group.ts";
import type { Phase } from "./phases.ts";

/** How long each phase of one group took; tells the operator and the audit log as it goes. */
export class Steps {
  readonly #durationsMs = new Map<Phase, number>();
  readonly #containers: readonly string[];
  readonly #context: RunContext;
  readonly #runId: string;

  constructor(
    group: Pick<Group, "members"> | readonly string[],
    runId: string,
    context: RunContext,
  ) {
    this.#containers = "members" in group ? group.members.map(({ container }) => container) : group;
    this.#runId = runId;
    this.#context = context;
  }

  /** Runs one phase, for one container or for the whole group, and measures it. */
  async run<Result>(
    phase: Phase,
    text: string,
    work: () => Promise<Result> | Result,
    container: string = this.#containers.join(", "),
  ): Promise<Result> {
    const { progress, audit, ports } = this.#context;
    progress({ kind: "phase", container, phase, text });
    const startedMs = ports.clock.monotonicMs();
    let outcome = "done";
    try {
      return await work();
    } catch (error) {
      outcome = error instanceof Error ? error.message : String(error);
      throw error;
    } finally {
      const durationMs = Math.round(ports.clock.monotonicMs() - startedMs);
      this.#durationsMs.set(phase, (this.#durationsMs.get(phase) ?? 0) + durationMs);
      progress({ kind: "phase-end", container });
      audit.write({ event: "phase", run: this.#runId, container, phase, durationMs, outcome });
    }
  }

  /** The phases so far, in the order in which they began. */
  phases(): { phase: Phase; durationMs: number }[] {
    return [...this.#durationsMs].map(([phase, durationMs]) => ({ phase, durationMs }));
  }
}
