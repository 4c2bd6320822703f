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
  /** Removes what is drawn in place; idempotent. */
  end(): void;
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

interface ActiveLine {
  phase: Phase;
  text: string;
  detail: string;
  sinceMs: number;
}

/** One line a container in hand, redrawn in place; results and notes stay above. */
export function liveProgress(options: ProgressOptions): ProgressDisplay {
  const { stream, clock, paint } = options;
  const active = new Map<string, ActiveLine>();
  let drawn = 0;
  let hasNews = false;
  const timer = setInterval(() => {
    if (hasNews || active.size > 0) draw();
  }, REDRAW_MS);
  timer.unref();

  function erased(): string {
    return drawn === 0 ? "" : `\u001b[${drawn}A\u001b[0J`;
  }

  function draw(): void {
    const width = stream.columns ?? 80;
    const lines = [...active].map(([container, line]) => {
      const elapsed = formatDuration(
        Math.floor((clock.monotonicMs() - line.sinceMs) / 1000) * 1000,
      );
      const text = `${visible(container)}  ${line.phase}  ${visible(line.detail || line.text)}`;
      return `${truncate(`  ${text}`, width - elapsed.length - 3)}  ${paint(elapsed, "quiet")}`;
    });
    stream.write(erased() + lines.map((line) => `${line}\n`).join(""));
    drawn = lines.length;
    hasNews = false;
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
    else if (event.kind === "report") {
      active.delete(event.report.container);
      if (isNews(event.report.outcome)) keep(resultLine(event.report, paint));
    } else if (event.kind === "phase") {
      const { phase, text, container } = event;
      active.set(container, { phase, text, detail: "", sinceMs: clock.monotonicMs() });
    } else {
      const line = active.get(event.container);
      if (line === undefined) return;
      line.detail = event.kind === "pull" ? pullText(event.progress) : waitText(event);
    }
  }

  function end(): void {
    clearInterval(timer);
    active.clear();
    stream.write(erased());
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
  const elapsed = formatDuration(Math.floor(event.elapsedMs / 1000) * 1000).replace(
    /^0 ms$/,
    "0 s",
  );
  return `${visible(event.text)} ${elapsed} / ${formatDuration(event.timeoutMs)}`;
}

function resultLine(report: ContainerReport, paint: Paint): string {
  const word = paint(outcomeWord(report.outcome.kind), outcomeTone(report.outcome.kind));
  const detail = visible(outcomeDetail(report));
  return `${visible(report.container)}: ${word}${detail === "" ? "" : `: ${detail}`}`;
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
