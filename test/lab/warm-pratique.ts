/**
 * Pratique's command line in a process that stays: it takes commands from the lab one after the
 * other (decision 0015), so that a test pays once for loading and compiling the code. Each command
 * gets a session of its own and answers only when nothing of it is left that would keep a process
 * of its own alive.
 */
import { Readable } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import { carryOut } from "../../src/cli/carry-out.ts";
import { EXIT } from "../../src/errors.ts";
import type { CommandResult } from "./lab-types.ts";

let report: (error: unknown) => Promise<unknown> = async (error) => console.error(error);
let written = { stdout: "", stderr: "" };

function streamOf(name: "stdout" | "stderr") {
  return {
    write: (text: string) => {
      written[name] += text;
    },
    on: () => {},
  };
}

function answerWith(code: number): CommandResult {
  return { code, stdout: written.stdout.trimEnd(), stderr: written.stderr.trimEnd() };
}

// Open from the start, so that they are no news among what keeps this process alive.
for (const stream of [process.stdout, process.stderr]) stream.write("");

/** What keeps this process alive, beside the channel to the lab. */
function resources(): string {
  return process.getActiveResourcesInfo().sort().join(" ");
}

// Each command finds an input of its own, at its end.
Object.defineProperty(process, "stdin", { get: () => Readable.from([]) });

// It is the command's end, as in main.ts; the lab ends this process then.
process.on("uncaughtException", async (error) => {
  await report(error);
  process.send?.(answerWith(EXIT.bug));
});
process.on("disconnect", () => process.exit());
process.on("message", async (words: string[]) => {
  const before = resources();
  written = { stdout: "", stderr: "" };
  const code = await carryOut(words, {
    environment: process.env,
    workingFolder: process.cwd(),
    stdout: () => streamOf("stdout"),
    stderr: () => streamOf("stderr"),
    onReporter: (reporter) => {
      report = reporter;
    },
  });
  while (resources() !== before) await pause();
  process.send?.(answerWith(code));
});

/** Long enough to leave the processor alone, and no resource itself. */
async function pause(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 20).unref());
  await nextTurn();
}
