import { AssertionError } from "node:assert";
import { EXIT, type ExitCode, OperatorError } from "../../errors.ts";
import { redactText } from "../../state/redact.ts";
import type { Output } from "../output.ts";
import { visible } from "./visible.ts";

/** Shows an error as its kind needs it and gives the exit code. Called by main.ts alone. */
export function reportError(
  error: unknown,
  output: Output,
  secrets: ReadonlySet<string>,
): ExitCode {
  if (error instanceof OperatorError) return reportOperatorError(error, output);
  return reportBug(error, output, (text) => redactText(text, secrets));
}

function reportOperatorError(error: OperatorError, output: Output): ExitCode {
  const { code, message, next, stateLeft, exit } = error;
  if (output.options.json) output.json({ schema: 1, error: { code, message, next, stateLeft } });
  // The message may have several lines of its own (all problems of a configuration).
  const lines = message.split("\n").map(visible);
  output.stderr.write(
    [`pratique: ${lines.join("\n")}`, `Next: ${next}`, `State: ${stateLeft} [${code}]`, ""].join(
      "\n",
    ),
  );
  if (output.options.verbose && error.cause !== undefined) {
    output.stderr.write(`Cause: ${visible(String(error.cause))}\n`);
  }
  return exit;
}

const BUG = {
  code: "BUG",
  next: "Please report this with the command you gave; then run `pratique recover`.",
  stateLeft: "Unknown; `pratique recover` finishes or rolls back what was in hand.",
};

/** A bug's text was made without our care, so it is searched for secrets. */
function reportBug(
  error: unknown,
  output: Output,
  withoutSecrets: (text: string) => string,
): ExitCode {
  const isAssertion = error instanceof AssertionError;
  const message = isAssertion
    ? `An assumption of pratique did not hold: ${firstLine(error)}`
    : firstLine(error);
  if (output.options.json)
    output.json({ schema: 1, error: { ...BUG, message: withoutSecrets(message) } });
  const details = isAssertion && !output.options.verbose ? placeOf(error) : stackOf(error);
  const text = [`pratique: ${message}`, ...details, `Next: ${BUG.next}`, `State: ${BUG.stateLeft}`];
  output.stderr.write(`${text.map(withoutSecrets).map(visible).join("\n")}\n`);
  return EXIT.bug;
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return text.split("\n")[0] ?? "";
}

function stackOf(error: unknown): string[] {
  if (!(error instanceof Error) || error.stack === undefined) return [];
  return error.stack
    .split("\n")
    .slice(1)
    .filter((line) => line.includes(" at "));
}

/** Where the assertion stands: the first frame of our own code. */
function placeOf(error: Error): string[] {
  return stackOf(error)
    .filter((line) => !line.includes("node:"))
    .slice(0, 1);
}
