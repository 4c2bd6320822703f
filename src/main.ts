/** Where pratique starts and ends: the only place that sets the exit code and words errors. */
import { COMMANDS } from "./cli/command-table.ts";
import { Output } from "./cli/output.ts";
import { type GlobalOptions, type Invocation, parseInvocation } from "./cli/program.ts";
import { EXIT, type ExitCode, USAGE } from "./errors.ts";

async function main(words: readonly string[]): Promise<ExitCode> {
  const { invocation, globals } = parseInvocation(words, COMMANDS, readVersion);
  const output = openOutput(globals);
  const secrets = new Set<string>();
  reportWhatNobodyCatches(output, secrets);
  try {
    return await carryOut(invocation, globals, output, secrets);
  } catch (error) {
    const { reportError } = await import("./cli/render/error.ts");
    return reportError(error, output, secrets);
  }
}

/** Node's code for a program that waits for what can no longer happen. */
const NODE_UNSETTLED = 13;

/** An error in a callback ends the process at once: the journal knows what was in hand. */
function reportWhatNobodyCatches(output: Output, secrets: ReadonlySet<string>): void {
  process.on("uncaughtException", async (error) => {
    const { reportError } = await import("./cli/render/error.ts");
    reportError(error, output, secrets);
    process.exit(EXIT.bug);
  });
  process.on("exit", (code) => {
    if (code === NODE_UNSETTLED) process.exitCode = EXIT.bug;
  });
}

async function carryOut(
  invocation: Invocation,
  globals: GlobalOptions,
  output: Output,
  secrets: Set<string>,
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
    import("./cli/session.ts"),
    invocation.spec.load?.(),
  ]);
  if (command === undefined) throw new Error(`${invocation.spec.name} has no code`);
  const session = newSession({
    configPath: globals.config,
    environment: process.env,
    workingFolder: process.cwd(),
    secrets,
  });
  try {
    const { arguments: given, options } = invocation;
    return await command.run({ arguments: given, options, output, session });
  } finally {
    await session.close();
  }
}

function openOutput(globals: GlobalOptions): Output {
  const { json = false, plain = false, quiet = false, verbose = false } = globals;
  return new Output(
    { json, plain, quiet, verbose },
    { environment: process.env, stdout: () => process.stdout, stderr: () => process.stderr },
  );
}

function readVersion(): string {
  return process.getBuiltinModule("node:module").createRequire(import.meta.url)("../package.json")
    .version;
}

process.exitCode = await main(process.argv.slice(2));
