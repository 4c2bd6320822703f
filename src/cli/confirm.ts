import { USAGE } from "../errors.ts";
import { type CommandInput, hasOption } from "./command.ts";

/**
 * Shows what will happen and asks on a terminal; elsewhere `--yes` must have been given. Throws
 * USAGE when the answer is anything but yes.
 */
export async function confirm(input: CommandInput, lines: readonly string[]): Promise<void> {
  for (const line of lines) input.output.stderr.write(`${line}\n`);
  if (hasOption(input, "yes")) return;
  if (process.stdin.isTTY !== true) {
    throw USAGE("This replaces data: pass --yes where nobody can be asked.");
  }
  const { createInterface } = await import("node:readline/promises");
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question("Go on? [y/N] ");
    if (!/^y(es)?$/i.test(answer.trim())) throw USAGE("Not confirmed.");
  } finally {
    terminal.close();
  }
}
