import { runDaemon } from "../../daemon/run-daemon.ts";
import { EXIT } from "../../errors.ts";
import type { CommandRun } from "../command.ts";
import { reportError } from "../render/error.ts";
import { lineProgress, silentProgress } from "../render/progress.ts";
import { runLogLines } from "../render/run-report.ts";
import { painter } from "../render/style.ts";
import { listenForStop } from "../stop-signal.ts";

export const run: CommandRun = async ({ output, session }) => {
  const { config } = await session.loadConfig();
  const makeContext = await session.contextMaker();
  const paint = painter(output.hasColour(output.stderr));
  // Lines also on a terminal: what runs beside each other cannot be drawn in place.
  const lines = lineProgress({
    stream: output.stderr,
    paint,
    clock: { now: () => Date.now(), monotonicMs: () => performance.now() },
    withTime: (process.env.JOURNAL_STREAM ?? "") === "",
    withDetails: output.options.verbose,
  });
  const { progress } = output.options.quiet ? silentProgress : lines;
  const say = (text: string) => progress({ kind: "note", text });
  const stop = listenForStop(process, say);
  try {
    await runDaemon({
      config,
      stop: stop.signal,
      say,
      openContext: (stateCheck) =>
        makeContext({ progress, stop: stop.signal, stateCheck, outboxStayMs: 0 }),
      runLines: (report) =>
        runLogLines(report, {
          width: Number.POSITIVE_INFINITY,
          paint,
          quiet: false,
          verbose: false,
        }),
      showError: (error) => void reportError(error, output, session.secrets),
      endNow: () => {
        say("What is in hand did not end in time: the next start recovers it.");
        process.exit(EXIT.failed);
      },
    });
    return EXIT.done;
  } finally {
    stop.dispose();
  }
};
