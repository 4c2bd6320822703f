import type { Config } from "../config/config.ts";
import type { RunReport } from "../update/outcome.ts";
import type { WiredContext } from "../wire.ts";

/** What the daemon is given. */
export interface DaemonDeps {
  config: Config;
  /**
   * A context as a command of its own would have it: addresses, credentials and the state of
   * months ago must not outlive a run. `full` where the state must be sound, `schema` to look and
   * send. The caller closes it.
   */
  openContext(stateCheck: "full" | "schema"): WiredContext;
  /** Aborted by the first signal, with its name. */
  stop: AbortSignal;
  /** A line for people, with its time. */
  say(line: string): void;
  /** How a run went, after its progress has been shown: the reasons, the counts. */
  runLines(report: RunReport): string[];
  /** Shows an error with what to do; secrets are hidden. */
  showError(error: unknown): void;
  /** Ends the process when what is in hand does not end by itself. */
  endNow(): void;
}
