import type { ExitCode } from "../errors.ts";
import { USAGE } from "../errors.ts";
import type { RunContext } from "../update/context.ts";
import type { RunReport } from "../update/outcome.ts";
import { parseDuration } from "../values/duration.ts";
import { type CommandInput, textOption } from "./command.ts";
import { chooseProgress } from "./render/progress.ts";
import { runReportLines } from "./render/run-report.ts";
import { painter } from "./render/style.ts";
import { listenForStop } from "./stop-signal.ts";

/** Carries out a run with live progress and the meaning of signals, and shows its report. */
export async function carryOutRun(
  input: CommandInput,
  start: (context: RunContext) => Promise<RunReport>,
): Promise<ExitCode> {
  const { output } = input;
  // On a terminal the report takes the place of the results that were drawn before it.
  const isReportNext = output.stdout.isTTY === true && !output.options.json;
  const report = await withRunContext(input, start, { isReportNext });
  output.result(report, () =>
    runReportLines(report, {
      width: output.width,
      paint: painter(output.hasColour(output.stdout)),
      quiet: output.options.quiet,
      verbose: output.options.verbose,
    }),
  );
  return report.exitCode;
}

/** Does work with live progress and the meaning of signals; what is drawn is gone afterwards. */
export async function withRunContext<Result>(
  { output, session }: CommandInput,
  work: (context: RunContext) => Promise<Result>,
  { isReportNext }: { isReportNext: boolean } = { isReportNext: true },
): Promise<Result> {
  const display = chooseProgress({
    stream: output.stderr,
    paint: painter(output.hasColour(output.stderr)),
    clock: { now: () => Date.now(), monotonicMs: () => performance.now() },
    isLive: output.isLive,
    isQuiet: output.options.quiet,
    isVerbose: output.options.verbose,
    environment: process.env,
  });
  const stop = listenForStop(process, (text) => display.progress({ kind: "note", text }));
  try {
    const context = await session.openContext({
      progress: display.progress,
      stop: stop.signal,
      stateCheck: "full",
    });
    const result = await work(context);
    display.end({ isReportNext });
    return result;
  } finally {
    display.end({ isReportNext: false });
    stop.dispose();
  }
}

const MAX_WAIT_MS = 24 * 3_600_000;

/** `--wait` in milliseconds, or what the command waits without it. Throws USAGE. */
export function waitOption(input: CommandInput, defaultMs: number): number {
  const text = textOption(input, "wait");
  if (text === null) return defaultMs;
  const waitMs = parseDuration(text);
  if (waitMs === null || waitMs > MAX_WAIT_MS) {
    throw USAGE(`--wait must be a duration of at most 24h, such as 10m, not "${text}".`);
  }
  return waitMs;
}
