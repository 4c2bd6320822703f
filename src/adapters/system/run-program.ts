import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync, writeSync } from "node:fs";

export interface ProgramOptions {
  /** The whole environment of the program: nothing is inherited. */
  environment: Readonly<Record<string, string>>;
  timeoutMs: number;
  /** Ends the program like the time-out does. */
  signal?: AbortSignal | undefined;
  folder?: string | undefined;
  /** Written to standard input, which is closed after it. Without it, standard input is empty. */
  input?: string | undefined;
  /** Bound of each captured stream; what is over it is dropped and told. 1 MiB. */
  maxOutputBytes?: number | undefined;
  /** Standard output goes to this new file (0600) instead; more than the bound ends the program. */
  stdoutFile?: { path: string; maxBytes: number } | undefined;
  /** Time between SIGTERM and SIGKILL. 5 s. */
  graceMs?: number | undefined;
}

/** What was written. `stdout` is empty when it went to a file. */
export interface ProgramOutput {
  stdout: string;
  /** The last part where it was longer than the bound: errors stand at the end. */
  stderr: string;
  /** Whether something of either stream is missing. */
  truncated: boolean;
  durationMs: number;
}

export type ProgramResult =
  | (ProgramOutput & { kind: "exited"; exitCode: number })
  /** Ended by a signal that was not ours. */
  | (ProgramOutput & { kind: "killed"; signal: string })
  | (ProgramOutput & { kind: "timeout" })
  | (ProgramOutput & { kind: "aborted" })
  /** More output than `stdoutFile.maxBytes`, or the file could not be written. */
  | (ProgramOutput & { kind: "output-refused"; why: string })
  | { kind: "not-started"; why: string };

type Ending = { kind: "timeout" } | { kind: "aborted" } | { kind: "output-refused"; why: string };

const DEFAULT_OUTPUT_BYTES = 1024 * 1024;
const DEFAULT_GRACE_MS = 5_000;
/** How long a stream may stay open after the program itself has ended (a grandchild holds it). */
const DRAIN_MS = 2_000;
/** Longest delay that a Node timer takes. */
const MAX_TIMER_MS = 2_147_483_647;

/**
 * Starts a program with an argument array, never through a shell, and waits until it has ended.
 * It gets its own process group, so that time-out and abort reach its children too: SIGTERM, then
 * SIGKILL after `graceMs`. Never throws: how it went is the result.
 */
export async function runProgram(
  program: string,
  programArguments: readonly string[],
  options: ProgramOptions,
): Promise<ProgramResult> {
  if (options.signal?.aborted) return { kind: "not-started", why: "aborted before the start" };
  const startedMs = performance.now();
  let sink: Sink;
  try {
    sink = options.stdoutFile
      ? fileSink(options.stdoutFile.path, options.stdoutFile.maxBytes)
      : headSink(options.maxOutputBytes ?? DEFAULT_OUTPUT_BYTES);
  } catch (error) {
    return { kind: "not-started", why: messageOf(error) };
  }
  const errors = tailSink(options.maxOutputBytes ?? DEFAULT_OUTPUT_BYTES);
  let child: ChildProcess;
  try {
    child = spawn(program, [...programArguments], {
      cwd: options.folder,
      env: { ...options.environment },
      detached: true,
      shell: false,
      stdio: ["pipe", "pipe", "pipe"],
    });
  } catch (error) {
    sink.close();
    return { kind: "not-started", why: messageOf(error) };
  }
  const ended = await supervise(child, sink, errors, options);
  sink.close();
  if (ended.kind === "not-started") return ended;
  const output: ProgramOutput = {
    stdout: sink.text(),
    stderr: errors.text(),
    truncated: sink.isTruncated() || errors.isTruncated(),
    durationMs: performance.now() - startedMs,
  };
  return { ...ended, ...output };
}

type Ended =
  | Ending
  | { kind: "exited"; exitCode: number }
  | { kind: "killed"; signal: string }
  | { kind: "not-started"; why: string };

function supervise(
  child: ChildProcess,
  stdout: Sink,
  stderr: Sink,
  options: ProgramOptions,
): Promise<Ended> {
  return new Promise((resolve) => {
    const timers = new Set<NodeJS.Timeout>();
    let ending: Ending | null = null;

    const after = (delayMs: number, act: () => void) => {
      timers.add(setTimeout(act, Math.min(delayMs, MAX_TIMER_MS)));
    };
    const end = (cause: Ending) => {
      if (ending !== null) return;
      ending = cause;
      signalGroup(child, "SIGTERM");
      after(options.graceMs ?? DEFAULT_GRACE_MS, () => signalGroup(child, "SIGKILL"));
    };
    const abort = () => end({ kind: "aborted" });
    const finish = (result: Ended) => {
      for (const timer of timers) clearTimeout(timer);
      options.signal?.removeEventListener("abort", abort);
      resolve(result);
    };
    const take = (sink: Sink) => (chunk: Buffer) => {
      const refusal = sink.write(chunk);
      if (refusal !== null) end({ kind: "output-refused", why: refusal });
    };

    child.stdout?.on("data", take(stdout));
    child.stderr?.on("data", take(stderr));
    // The program may end without reading its input: EPIPE is no failure of ours.
    child.stdin?.on("error", () => {});
    child.stdin?.end(options.input ?? "");
    child.once("error", (error) => {
      if (child.pid === undefined)
        finish({ kind: "not-started", why: startFailure(error, options) });
    });
    child.once("exit", () => {
      // What the group's leader left behind after it was told to end must not live on.
      if (ending !== null) signalGroup(child, "SIGKILL");
      after(DRAIN_MS, () => {
        child.stdout?.destroy();
        child.stderr?.destroy();
      });
    });
    child.once("close", (exitCode, signal) => {
      if (ending !== null) finish(ending);
      else if (exitCode !== null) finish({ kind: "exited", exitCode });
      else finish({ kind: "killed", signal: signal ?? "unknown" });
    });
    after(options.timeoutMs, () => end({ kind: "timeout" }));
    options.signal?.addEventListener("abort", abort, { once: true });
    if (options.signal?.aborted) abort();
  });
}

/** A folder that is not there is reported by Node as if the program were missing. */
function startFailure(error: Error, { folder }: ProgramOptions): string {
  const isFolderMissing = folder !== undefined && !existsSync(folder);
  return isFolderMissing ? `the folder ${folder} does not exist` : messageOf(error);
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // ESRCH: the whole group has ended already.
  }
}

// ---------------------------------------------------------------- where output goes

interface Sink {
  /** Null, or why no more is taken. */
  write(chunk: Buffer): string | null;
  text(): string;
  isTruncated(): boolean;
  close(): void;
}

/** Keeps the first bytes. */
function headSink(maxBytes: number): Sink {
  const chunks: Buffer[] = [];
  let size = 0;
  let truncated = false;
  return {
    write(chunk) {
      const kept = chunk.subarray(0, maxBytes - size);
      truncated ||= kept.length < chunk.length;
      if (kept.length > 0) chunks.push(kept);
      size += kept.length;
      return null;
    },
    text: () => Buffer.concat(chunks).toString("utf8"),
    isTruncated: () => truncated,
    close: () => {},
  };
}

/** Keeps the last bytes. */
function tailSink(maxBytes: number): Sink {
  let chunks: Buffer[] = [];
  let size = 0;
  let truncated = false;
  const shrink = () => {
    const whole = Buffer.concat(chunks);
    truncated ||= whole.length > maxBytes;
    const kept = whole.subarray(Math.max(0, whole.length - maxBytes));
    chunks = [kept];
    size = kept.length;
  };
  return {
    write(chunk) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > 2 * maxBytes) shrink();
      return null;
    },
    text() {
      shrink();
      return Buffer.concat(chunks).toString("utf8");
    },
    isTruncated: () => truncated || size > maxBytes,
    close: () => {},
  };
}

/** Writes a new file; it must not exist, so that nothing is overwritten. */
function fileSink(path: string, maxBytes: number): Sink {
  const file = openSync(path, "wx", 0o600);
  let size = 0;
  let refusal: string | null = null;
  return {
    write(chunk) {
      if (refusal !== null) return refusal;
      if (size + chunk.length > maxBytes) {
        refusal = `more than ${maxBytes} bytes of output`;
        return refusal;
      }
      try {
        for (let done = 0; done < chunk.length; ) done += writeSync(file, chunk, done);
        size += chunk.length;
      } catch (error) {
        refusal = messageOf(error);
      }
      return refusal;
    },
    text: () => "",
    isTruncated: () => refusal !== null,
    close: () => closeSync(file),
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
