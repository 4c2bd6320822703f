import { spawn } from "node:child_process";
import { constants } from "node:os";
import type { CommandResult } from "./lab-types.ts";

export interface ProgramOptions {
  folder?: string;
  /** The whole environment; default: ours. */
  environment?: Readonly<Record<string, string | undefined>>;
  input?: string;
  signal?: AbortSignal;
  /** Default 120 s. */
  timeoutMs?: number;
  mayFail?: boolean;
}

/** Output beyond this is not a program's answer but a fault; reading stops the program. */
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/**
 * Runs a program to its end. Rejects when it cannot be started, takes longer than `timeoutMs`,
 * is aborted, or fails without `mayFail`; the message then carries the end of its output.
 */
export async function runProgram(
  command: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<CommandResult> {
  const timeoutMs = options.timeoutMs ?? 120_000;
  const child = spawn(command, args, {
    ...(options.folder === undefined ? {} : { cwd: options.folder }),
    env: { ...(options.environment ?? process.env) },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const output = { stdout: [] as Buffer[], stderr: [] as Buffer[], sizeBytes: 0 };
  let stopped: string | undefined;
  const stop = (why: string) => {
    stopped ??= why;
    child.kill("SIGKILL");
    // Grandchildren may keep the pipes open; the answer is not worth waiting for any more.
    child.stdout.destroy();
    child.stderr.destroy();
  };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].on("data", (chunk: Buffer) => {
      output[name].push(chunk);
      output.sizeBytes += chunk.length;
      if (output.sizeBytes > MAX_OUTPUT_BYTES) stop("printed too much");
    });
  }
  child.stdin.on("error", () => {}); // It ended without reading its input.
  child.stdin.end(options.input ?? "");

  const timer = setTimeout(() => stop(`took longer than ${timeoutMs} ms`), timeoutMs);
  const onAbort = () => stop("was aborted");
  options.signal?.addEventListener("abort", onAbort, { once: true });
  if (options.signal?.aborted) onAbort();
  try {
    const code = await new Promise<number>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (exitCode, signal) =>
        resolve(exitCode ?? 128 + (signal === null ? 0 : constants.signals[signal])),
      );
    });
    const result = {
      code,
      stdout: Buffer.concat(output.stdout).toString("utf8").trimEnd(),
      stderr: Buffer.concat(output.stderr).toString("utf8").trimEnd(),
    };
    if (stopped !== undefined) throw new Error(describeFailure(command, args, stopped, result));
    if (code !== 0 && !options.mayFail) {
      throw new Error(describeFailure(command, args, `ended with ${code}`, result));
    }
    return result;
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", onAbort);
  }
}

/** What a failed program did, with the end of its output. */
export function describeFailure(
  command: string,
  args: readonly string[],
  what: string,
  result: CommandResult,
): string {
  const tail = `${result.stdout}\n${result.stderr}`.trim().slice(-4000);
  return `${[command, ...args].join(" ")}: ${what}\n${tail}`;
}
