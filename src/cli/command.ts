import type { ExitCode } from "../errors.ts";
import type { Output } from "./output.ts";
import type { Session } from "./session.ts";

/** What a command gets: its words, its options, and the rest of the program on demand. */
export interface CommandInput {
  arguments: readonly string[];
  options: Readonly<Record<string, unknown>>;
  output: Output;
  session: Session;
}

/** A command's module exports one of these as `run`. Failures are thrown. */
export type CommandRun = (input: CommandInput) => Promise<ExitCode>;

export interface CommandOption {
  /** As commander has it: `--wait <duration>`. */
  flags: string;
  description: string;
}

/** One command: all of its help, and where its code is. */
export interface CommandSpec {
  name: string;
  alias?: string;
  /** As commander has them: `<container...>`. */
  arguments?: string;
  summary: string;
  /** Shown first in its help. */
  example: string;
  options?: readonly CommandOption[];
  /** Those of its exit codes that its help names. */
  exitCodes?: readonly ExitCode[];
  /** Loaded only when the command runs. */
  load?: () => Promise<{ run: CommandRun }>;
  subcommands?: readonly CommandSpec[];
}

/** A text option's value; null where it was not given. */
export function textOption(input: CommandInput, name: string): string | null {
  const value = input.options[name];
  return typeof value === "string" ? value : null;
}

/** Whether a switch was given. */
export function hasOption(input: CommandInput, name: string): boolean {
  return input.options[name] === true;
}
