import { EXIT, type ExitCode, USAGE } from "../errors.ts";
import { COMMANDS } from "./command-table.ts";
import { Output, type TextStream } from "./output.ts";
import { type GlobalOptions, type Invocation, parseInvocation } from "./program.ts";

/** What a command sees of the process that it runs in. */
export interface Surroundings {
  environment: NodeJS.ProcessEnv;
  workingFolder: string;
  /** Functions, because opening a stream takes time that `--help` need not spend. */
  stdout: () => TextStream;
  stderr: () => TextStream;
  /** Told once how to word an error that nobody catches. */
  onReporter(report: (error: unknown) => Promise<unknown>): void;
}

/** Carries out one command line and words its errors. Never rejects. */
export async function carryOut(
  words: readonly string[],
  surroundings: Surroundings,
): Promise<ExitCode> {
  const { invocation, globals } = parseInvocation(words, COMMANDS, readVersion);
  const output = openOutput(globals, surroundings);
  const secrets = new Set<string>();
  const report = async (error: unknown): Promise<ExitCode> => {
    const { reportError } = await import("./render/error.ts");
    return reportError(error, output, secrets);
  };
  surroundings.onReporter(report);
  try {
    return await invoke(invocation, globals, output, secrets, surroundings);
  } catch (error) {
    return await report(error);
  }
}

async function invoke(
  invocation: Invocation,
  globals: GlobalOptions,
  output: Output,
  secrets: Set<string>,
  { environment, workingFolder }: Surroundings,
): Promise<ExitCode> {
  if (invocation.kind === "text") {
    output.stdout.write(invocation.text);
    return EXIT.done;
  }
  if (invocation.kind === "usage") {
    if (invocation.text !== null) output.stderr.write(`${invocation.text}\n`);
    throw USAGE(invocation.problem);
  }
  const [{ newSession }, command] = await Promise.all([
    import("./session.ts"),
    invocation.spec.load?.(),
  ]);
  if (command === undefined) throw new Error(`${invocation.spec.name} has no code`);
  const session = newSession({
    configPath: globals.config,
    environment,
    workingFolder,
    secrets,
  });
  try {
    const { arguments: given, options } = invocation;
    return await command.run({ arguments: given, options, output, session });
  } finally {
    await session.close();
  }
}

function openOutput(globals: GlobalOptions, surroundings: Surroundings): Output {
  const { json = false, plain = false, quiet = false, verbose = false } = globals;
  return new Output({ json, plain, quiet, verbose }, surroundings);
}

function readVersion(): string {
  return process.getBuiltinModule("node:module").createRequire(import.meta.url)(
    "../../package.json",
  ).version;
}
