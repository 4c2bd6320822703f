import { Command, CommanderError } from "commander";
import type { ExitCode } from "../errors.ts";
import type { CommandSpec } from "./command.ts";

export interface GlobalOptions {
  config?: string;
  json?: boolean;
  plain?: boolean;
  quiet?: boolean;
  verbose?: boolean;
}

/** What the words on the command line ask for. */
export type Invocation =
  | { kind: "command"; spec: CommandSpec; arguments: string[]; options: Record<string, unknown> }
  /** Help or version that was asked for. */
  | { kind: "text"; text: string }
  /** Not understood; `text` is the help where a command was left out. */
  | { kind: "usage"; problem: string; text: string | null };

const EXIT_TEXTS: Readonly<Record<ExitCode, string>> = {
  0: "done, or nothing to do",
  1: "an update, a health check or a restore failed",
  2: "usage or configuration",
  3: "something was blocked or held, nothing failed",
  4: "the environment is missing: engine, scanner or registry",
  5: "another run holds the lock",
  70: "a bug in pratique",
  130: "a signal ended it early",
};

function exitCodesText(isShown: (code: number) => boolean): string {
  const rows = Object.entries(EXIT_TEXTS)
    .filter(([code]) => isShown(Number(code)))
    .map(([code, text]) => `  ${code.padEnd(4)}${text}\n`);
  return `\nExit codes:\n${rows.join("")}`;
}

/** Parses the words after the program's name. Loads no command and no configuration. */
export function parseInvocation(
  words: readonly string[],
  commands: readonly CommandSpec[],
  version: () => string,
): { invocation: Invocation; globals: GlobalOptions } {
  let printed = "";
  let found: Invocation | null = null;
  const capture = {
    writeOut: (text: string) => {
      printed += text;
    },
    writeErr: (text: string) => {
      printed += text;
    },
    outputError: () => {},
  };

  function add(parent: Command, spec: CommandSpec): void {
    const command = parent
      .command(spec.name)
      .summary(spec.summary)
      .description(`${spec.summary[0]?.toUpperCase()}${spec.summary.slice(1)}.`)
      .addHelpText("before", `Example:\n  ${spec.example}\n`);
    const { exitCodes } = spec;
    if (exitCodes !== undefined) {
      command.addHelpText(
        "after",
        exitCodesText((code) => exitCodes.some((own) => own === code)),
      );
    }
    if (spec.alias !== undefined) command.alias(spec.alias);
    if (spec.arguments !== undefined) command.arguments(spec.arguments);
    for (const { flags, description } of spec.options ?? []) command.option(flags, description);
    for (const subcommand of spec.subcommands ?? []) add(command, subcommand);
    if (spec.load === undefined) return;
    command.action(() => {
      found = {
        kind: "command",
        spec,
        arguments: command.processedArgs.flat().filter((value) => value !== undefined),
        options: command.opts(),
      };
    });
  }

  const program = new Command("pratique")
    .description("Updates Docker containers security-first.")
    .exitOverride()
    .configureOutput(capture)
    .configureHelp({ showGlobalOptions: true })
    .version("", "--version", "print the version")
    .option("--config <file>", "configuration file ($PRATIQUE_CONFIG)")
    .option("--json", "data on standard output as JSON")
    .option("--plain", "no colour, no live progress")
    .option("--quiet", "only what needs attention")
    .option("--verbose", "every detail")
    .addHelpText("before", "Example:\n  pratique weekly --dry-run\n")
    .addHelpText(
      "after",
      exitCodesText(() => true),
    );
  for (const spec of commands) add(program, spec);

  try {
    program.parse([...words], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    found = fromCommander(error, printed, version);
  }
  const invocation = found ?? { kind: "usage", problem: "No command was given.", text: printed };
  return { invocation, globals: program.opts<GlobalOptions>() };
}

function fromCommander(error: CommanderError, printed: string, version: () => string): Invocation {
  if (error.code === "commander.version") return { kind: "text", text: `${version()}\n` };
  if (error.exitCode === 0) return { kind: "text", text: printed };
  if (error.code === "commander.help") {
    return { kind: "usage", problem: "A command is missing.", text: printed };
  }
  const [what = "", suggestion] = error.message.replace(/^error: /, "").split("\n");
  const meant = suggestion?.replace(/^\(Did you mean (.*)\?\)$/, " Did you mean $1?") ?? "";
  const problem = `${what[0]?.toUpperCase()}${what.slice(1)}.${meant}`;
  return { kind: "usage", problem, text: null };
}
