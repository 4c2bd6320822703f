/** What a run does, while it does it: live on a terminal, else one line a phase. */
import type { PullProgress } from "../../ports.ts";
import type { ContainerReport, Progress, ProgressEvent } from "../../update/outcome.ts";
import type { Phase } from "../../update/phases.ts";
import { formatBytes } from "../../values/bytes.ts";
import { formatDuration } from "../../values/duration.ts";
import type { TextStream } from "../output.ts";
import { isNews, outcomeDetail, outcomeTone, outcomeWord } from "./outcome.ts";
import type { Paint } from "./style.ts";
import { truncate } from "./table.ts";
import { clockTime } from "./time.ts";
import { visible } from "./visible.ts";

export interface ProgressDisplay {
  progress: Progress;
  /**
   * Removes what is drawn in place; idempotent. Results stay where no report follows that has them.
   */
  end(options: { isReportNext: boolean }): void;
}

export interface ProgressOptions {
  stream: TextStream;
  paint: Paint;
  clock: { now(): number; monotonicMs(): number };
}

/** Nothing at all. */
export const silentProgress: ProgressDisplay = { progress: () => {}, end: () => {} };

/** One plain line for each phase, note and result; waits show only with `withDetails`. */
export function lineProgress(
  options: ProgressOptions & { withTime: boolean; withDetails: boolean },
): ProgressDisplay {
  const { stream, clock, paint } = options;
  const lastWait = new Map<string, string>();

  function write(text: string): void {
    const time = options.withTime ? `${clockTime(clock.now())} ` : "";
    stream.write(`${time}${text}\n`);
  }

  function progress(event: ProgressEvent): void {
    if (event.kind === "phase") {
      write(`${visible(event.container)}: ${event.phase}: ${visible(event.text)}`);
    } else if (event.kind === "note") write(visible(event.text));
    else if (event.kind === "report" && isNews(event.report.outcome)) {
      write(resultLine(event.report, paint));
    } else if (event.kind === "wait" && options.withDetails) {
      // A wait tells every moment; only what is new in it makes a line.
      if (lastWait.get(event.container) === event.text) return;
      lastWait.set(event.container, event.text);
      write(`${visible(event.container)}: ${waitText(event)}`);
    }
  }
  return { progress, end: () => {} };
}

const REDRAW_MS = 100;
const USUAL_ROWS = 24;

interface ActiveLine {
  phase: Phase;
  text: string;
  detail: string;
  sinceMs: number;
}

/**
 * Drawn in place: the results so far, then one line a container in hand. Notes stay above. The
 * report at the end has the results, so they need not be told twice.
 */
export function liveProgress(options: ProgressOptions): ProgressDisplay {
  const { stream, clock, paint } = options;
  const active = new Map<string, ActiveLine>();
  const results: ContainerReport[] = [];
  let drawn = 0;
  let hasNews = false;
  const timer = setInterval(() => {
    if (hasNews || active.size > 0) draw();
  }, REDRAW_MS);
  timer.unref();

  function erased(): string {
    return drawn === 0 ? "" : `\u001b[${drawn}A\u001b[0J`;
  }

  function activeLine([container, line]: [string, ActiveLine], width: number): string {
    const elapsed = secondsText(clock.monotonicMs() - line.sinceMs);
    const text = `${visible(container)}  ${line.phase}  ${visible(line.detail || line.text)}`;
    return `${truncate(`  ${text}`, width - elapsed.length - 3)}  ${paint(elapsed, "quiet")}`;
  }

  /** The newest results: what is higher than the screen could not be erased any more. */
  function resultLines(width: number): string[] {
    const room = Math.max(1, (stream.rows ?? USUAL_ROWS) - active.size - 2);
    const shown = results.slice(-room);
    const earlier = results.length - shown.length;
    const lines = shown.map((report) => resultLine(report, paint, width - 1));
    return earlier === 0 ? lines : [`… ${earlier} more before these`, ...lines];
  }

  function draw(): void {
    const width = stream.columns ?? 80;
    const lines = [...resultLines(width), ...[...active].map((line) => activeLine(line, width))];
    stream.write(erased() + lines.map((line) => `${line}\n`).join(""));
    drawn = lines.length;
    hasNews = false;
  }

  /** A group's line has the names of its members. */
  function lineOf(container: string): ActiveLine | undefined {
    const isMember = ([names]: [string, ActiveLine]) => names.split(", ").includes(container);
    return active.get(container) ?? [...active].find(isMember)?.[1];
  }

  /** A line that stays, above those in hand. */
  function keep(line: string): void {
    stream.write(`${erased()}${line}\n`);
    drawn = 0;
    draw();
  }

  function progress(event: ProgressEvent): void {
    hasNews = true;
    if (event.kind === "note") keep(visible(event.text));
    else if (event.kind === "phase-end") active.delete(event.container);
    else if (event.kind === "report") {
      active.delete(event.report.container);
      if (!isNews(event.report.outcome)) return;
      results.push(event.report);
      draw();
    } else if (event.kind === "phase") {
      const { phase, text, container } = event;
      active.set(container, { phase, text, detail: "", sinceMs: clock.monotonicMs() });
    } else {
      const line = lineOf(event.container);
      if (line === undefined) return;
      line.detail = event.kind === "pull" ? pullText(event.progress) : waitText(event);
    }
  }

  function end({ isReportNext }: { isReportNext: boolean }): void {
    clearInterval(timer);
    active.clear();
    const lines = isReportNext ? [] : results.map((report) => resultLine(report, paint));
    stream.write(erased() + lines.map((line) => `${line}\n`).join(""));
    results.length = 0;
    drawn = 0;
  }
  return { progress, end };
}

/** `7/12 layers, 184 MB`; a percentage only when the whole size is known. */
export function pullText(progress: PullProgress): string {
  const { doneBytes, totalBytes, layersDone, layersTotal } = progress;
  const size =
    totalBytes === null || totalBytes === 0
      ? formatBytes(doneBytes)
      : `${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}, ${Math.floor((100 * doneBytes) / totalBytes)} %`;
  return `${layersDone}/${layersTotal} layers, ${size}`;
}

function waitText(event: Extract<ProgressEvent, { kind: "wait" }>): string {
  const elapsed = secondsText(event.elapsedMs);
  return `${visible(event.text)} ${elapsed} / ${formatDuration(event.timeoutMs)}`;
}

/** Whole seconds, also below one: a counter is no measurement. */
function secondsText(elapsedMs: number): string {
  return elapsedMs < 1000 ? "0 s" : formatDuration(Math.floor(elapsedMs / 1000) * 1000);
}

function resultLine(
  report: ContainerReport,
  paint: Paint,
  width: number = Number.POSITIVE_INFINITY,
): string {
  const { outcome, container } = report;
  const name = visible(container);
  const word = outcomeWord(outcome.kind);
  const detail = visible(outcomeDetail(report));
  const rest = truncate(detail === "" ? "" : `: ${detail}`, width - name.length - word.length - 2);
  return `${name}: ${paint(word, outcomeTone(outcome.kind))}${rest}`;
}

/** The display that fits the stream and the options. */
export function chooseProgress(
  options: ProgressOptions & {
    isLive: boolean;
    isQuiet: boolean;
    isVerbose: boolean;
    environment: NodeJS.ProcessEnv;
  },
): ProgressDisplay {
  if (options.isQuiet) return silentProgress;
  if (options.isLive) return liveProgress(options);
  // systemd's journal has times of its own.
  const withTime = (options.environment.JOURNAL_STREAM ?? "") === "";
  return lineProgress({ ...options, withTime, withDetails: options.isVerbose });
}
