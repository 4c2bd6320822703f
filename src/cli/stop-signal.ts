/** What SIGINT, SIGTERM and SIGHUP mean for a run. */
import { EXIT } from "../errors.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** What is used of `process`. */
export interface SignalSource {
  on(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown;
  off(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown;
  exit(code: number): never;
}

export interface StopSignal {
  /** Aborted by the first signal, with its name as the reason. */
  signal: AbortSignal;
  /** Gives the signals their usual meaning back. */
  dispose(): void;
}

/**
 * The first signal asks the run to stop after the container in hand, which is finished or rolled
 * back first; a lost SSH connection (SIGHUP) is no worse than that. The second one ends the process
 * at once and says how to go on.
 */
export function listenForStop(source: SignalSource, say: (line: string) => void): StopSignal {
  const controller = new AbortController();
  const listener = (signal: NodeJS.Signals) => {
    if (!controller.signal.aborted) {
      say(`${signal}: stopping after the container in hand. Once more ends it at once.`);
      controller.abort(signal);
      return;
    }
    say(`${signal} again: ended in the middle. Run \`pratique recover\` to finish or undo it.`);
    source.exit(EXIT.interrupted);
  };
  for (const signal of SIGNALS) source.on(signal, listener);
  return {
    signal: controller.signal,
    dispose: () => {
      for (const signal of SIGNALS) source.off(signal, listener);
    },
  };
}
