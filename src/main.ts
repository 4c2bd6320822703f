/** Where pratique starts and ends: the only place that sets the exit code. */
import { carryOut } from "./cli/carry-out.ts";
import { EXIT } from "./errors.ts";

/** Node's code for a program that waits for what can no longer happen. */
const NODE_UNSETTLED = 13;

process.on("exit", (code) => {
  if (code === NODE_UNSETTLED) process.exitCode = EXIT.bug;
});

process.exitCode = await carryOut(process.argv.slice(2), {
  environment: process.env,
  workingFolder: process.cwd(),
  stdout: () => process.stdout,
  stderr: () => process.stderr,
  // An error in a callback ends the process at once: the journal knows what was in hand.
  onReporter: (report) => {
    process.on("uncaughtException", async (error) => {
      await report(error);
      process.exit(EXIT.bug);
    });
  },
});
