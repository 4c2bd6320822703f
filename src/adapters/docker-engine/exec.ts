import type { Duplex, Writable } from "node:stream";
import { EXEC_FAILED, EXEC_TIMEOUT } from "../../errors.ts";
import type { ExecOptions, ExecResult, JsonObject } from "../../ports.ts";
import { objectIn, textOf } from "./answers.ts";
import { type Deadline, startDeadline } from "./deadline.ts";
import { END_MS, EXEC_MARK, endCommand } from "./end-programs.ts";
import { readFrames } from "./frames.ts";
import type { Call, Transport } from "./transport.ts";

/** Captured output; a dump goes to `stdout` instead. */
const MAX_CAPTURED_BYTES = 8 * 1024 * 1024;
const MAX_ERRORS_BYTES = 64 * 1024;
/** The engine may report a program's end a moment after its streams ended. */
const EXIT_WAIT_MS = 10_000;
const POLL_MS = 100;

/** Ends what execs of a process that is gone left running. Throws EXEC_FAILED where they stay. */
export async function endLeftExecs(transport: Transport, containerId: string): Promise<void> {
  const own = process.getBuiltinModule("node:crypto").randomUUID();
  const command = endCommand("others", own);
  const options = { timeoutMs: END_MS };
  const { exitCode } = await execInContainer(transport, containerId, command, options, own);
  if (exitCode !== 0) throw EXEC_FAILED("what a crash left", "it survives being killed", false);
}

/** Runs a command in a container, with its streams, and reads its exit code. */
export async function execInContainer(
  transport: Transport,
  containerId: string,
  command: readonly string[],
  options: ExecOptions,
  id: string = process.getBuiltinModule("node:crypto").randomUUID(),
): Promise<ExecResult> {
  const program = command[0] ?? "";
  const deadline = startDeadline({
    totalMs: options.timeoutMs,
    signal: options.signal,
    onTimeout: (boundMs) => new TimeoutHit(boundMs),
  });
  let execId: string | null = null;
  try {
    execId = await createExec(transport, containerId, command, {
      user: options.user,
      environment: [...(options.env ?? []), `${EXEC_MARK}=${id}`],
      withInput: options.stdin !== undefined,
    });
    const output = await converse(transport, execId, options, deadline);
    return { exitCode: await exitCodeOf(transport, execId, deadline), ...output };
  } catch (error) {
    const cause = deadline.signal.aborted ? deadline.signal.reason : error;
    options.stdin?.destroy();
    if (execId === null) throw cause;
    const ended = await endExec(transport, { containerId, execId, id, user: options.user });
    if (cause instanceof TimeoutHit) throw EXEC_TIMEOUT(program, cause.boundMs, ended);
    if (deadline.signal.aborted) throw cause;
    throw EXEC_FAILED.because(cause, program, messageOf(cause), ended);
  } finally {
    deadline.end();
  }
}

class TimeoutHit extends Error {
  readonly boundMs: number;

  constructor(boundMs: number) {
    super("the time is over");
    this.boundMs = boundMs;
  }
}

class ExecBroken extends Error {}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message.replace(/\.$/, "") : String(error);
}

async function createExec(
  transport: Transport,
  containerId: string,
  command: readonly string[],
  options: { user: string | undefined; environment: readonly string[]; withInput: boolean },
): Promise<string> {
  const body: JsonObject = {
    AttachStdin: options.withInput,
    AttachStdout: true,
    AttachStderr: true,
    Tty: false,
    Cmd: [...command],
    Env: [...options.environment],
    ...(options.user === undefined ? {} : { User: options.user }),
  };
  const path = `/containers/${encodeURIComponent(containerId)}/exec`;
  const answer = await transport.call({ method: "POST", path, body });
  return textOf(objectIn(answer.body).Id);
}

async function converse(
  transport: Transport,
  execId: string,
  options: ExecOptions,
  deadline: Deadline,
): Promise<{ stdout: string; stderr: string }> {
  const call: Call = {
    method: "POST",
    path: `/exec/${encodeURIComponent(execId)}/start`,
    body: { Detach: false, Tty: false },
  };
  const socket = await transport.hijack(call, deadline);
  const stop = () => socket.destroy(deadline.signal.reason);
  deadline.signal.addEventListener("abort", stop, { once: true });
  try {
    // What the program no longer reads is lost, as in a shell's pipe; its exit code tells.
    socket.on("error", () => {});
    feed(options, socket);
    return await readOutput(socket, options.stdout);
  } finally {
    deadline.signal.removeEventListener("abort", stop);
    options.stdin?.unpipe(socket);
    options.stdin?.destroy();
    socket.destroy();
  }
}

function feed(options: ExecOptions, socket: Duplex): void {
  const { stdin } = options;
  if (stdin === undefined) return;
  stdin.on("error", (error) =>
    socket.destroy(new ExecBroken(`its standard input failed: ${error.message}`)),
  );
  stdin.pipe(socket);
}

async function readOutput(
  socket: Duplex,
  sink: Writable | undefined,
): Promise<{ stdout: string; stderr: string }> {
  const stdout: Buffer[] = [];
  let stdoutBytes = 0;
  let stderr = Buffer.alloc(0);
  let sinkError: Error | null = null;
  const onSinkError = (error: Error) => {
    sinkError = error;
    socket.destroy(new ExecBroken(`its output could not be written: ${error.message}`));
  };
  sink?.on("error", onSinkError);
  try {
    for await (const { stream, chunk } of readFrames(socket)) {
      if (stream === "stderr") {
        stderr = Buffer.concat([stderr, chunk]).subarray(-MAX_ERRORS_BYTES);
      } else if (sink !== undefined) {
        if (!sink.write(chunk)) await drained(sink, socket);
      } else {
        stdoutBytes += chunk.length;
        if (stdoutBytes > MAX_CAPTURED_BYTES) {
          throw new ExecBroken(`it wrote more than ${MAX_CAPTURED_BYTES} bytes`);
        }
        stdout.push(chunk);
      }
    }
    if (sink !== undefined) await endSink(sink);
  } catch (error) {
    sink?.destroy();
    if (error instanceof ExecBroken) throw error;
    throw new ExecBroken(messageOf(error), { cause: error });
  } finally {
    sink?.off("error", onSinkError);
  }
  if (sinkError !== null) throw sinkError;
  return { stdout: Buffer.concat(stdout).toString("utf8"), stderr: stderr.toString("utf8") };
}

/** Waits until the sink takes more, or the socket was ended because something failed. */
function drained(sink: Writable, socket: Duplex): Promise<void> {
  return new Promise((resolve) => {
    const go = () => {
      sink.off("drain", go);
      sink.off("close", go);
      socket.off("close", go);
      resolve();
    };
    sink.on("drain", go);
    sink.on("close", go);
    socket.on("close", go);
    if (socket.destroyed || sink.destroyed) go();
  });
}

function endSink(sink: Writable): Promise<void> {
  return new Promise((resolve, reject) => {
    sink.once("error", reject);
    sink.end(() => resolve());
  });
}

async function exitCodeOf(
  transport: Transport,
  execId: string,
  deadline: Deadline,
): Promise<number> {
  const endMs = performance.now() + EXIT_WAIT_MS;
  for (;;) {
    const state = await inspectExec(transport, execId);
    if (state.Running === false) {
      if (typeof state.ExitCode === "number") return state.ExitCode;
      throw new ExecBroken("its container stopped");
    }
    if (performance.now() > endMs) throw new ExecBroken("the engine does not tell its exit code");
    await pause(POLL_MS);
    if (deadline.signal.aborted) throw deadline.signal.reason;
  }
}

async function inspectExec(transport: Transport, execId: string): Promise<JsonObject> {
  const path = `/exec/${encodeURIComponent(execId)}/json`;
  const { status, body } = await transport.call({ method: "GET", path }, [404]);
  // The engine forgets the execs of a container that stopped: they ended with it.
  return status === 404 ? { Running: false } : objectIn(body);
}

/** Ends what a time-out left running inside the container; whether it is known to have ended. */
async function endExec(
  transport: Transport,
  exec: { containerId: string; execId: string; id: string; user: string | undefined },
): Promise<boolean> {
  try {
    if ((await inspectExec(transport, exec.execId)).Running === false) return true;
    const options = { user: exec.user, environment: [], withInput: false };
    const command = endCommand("this", exec.id);
    const ending = await createExec(transport, exec.containerId, command, options);
    await transport.call({
      method: "POST",
      path: `/exec/${encodeURIComponent(ending)}/start`,
      body: { Detach: true, Tty: false },
    });
    const endMs = performance.now() + END_MS;
    for (;;) {
      const isOver =
        performance.now() > endMs || (await inspectExec(transport, ending)).Running === false;
      if ((await inspectExec(transport, exec.execId)).Running === false) return true;
      if (isOver) return false;
      await pause(POLL_MS);
    }
  } catch {
    // The container is gone, or has no shell: the error says that the end is not known.
    return false;
  }
}

function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
