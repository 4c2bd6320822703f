import { type ChildProcess, spawn } from "node:child_process";
import { Socket } from "node:net";
import { Duplex } from "node:stream";
import type { Endpoint } from "./endpoint.ts";

const STDERR_BYTES = 2_000;
/** What ssh itself needs; nothing else of our environment goes to it. */
const SSH_ENVIRONMENT = ["PATH", "HOME", "USER", "LOGNAME", "SSH_AUTH_SOCK", "LANG", "TMPDIR"];

/**
 * A connection to the engine of another machine: `docker system dial-stdio` over the ssh program,
 * as the Docker CLI does it. Keys, known hosts and jumps are ssh's own configuration; it never
 * asks for a password (BatchMode).
 */
export function connectBySsh(endpoint: Endpoint & { kind: "ssh" }): Duplex {
  const sshArguments = ["-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=15"];
  if (endpoint.user !== null) sshArguments.push("-l", endpoint.user);
  if (endpoint.port !== null) sshArguments.push("-p", endpoint.port);
  sshArguments.push("--", endpoint.host, "docker", "system", "dial-stdio");
  const environment = Object.fromEntries(
    SSH_ENVIRONMENT.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
  return new ProgramSocket(spawn("ssh", sshArguments, { env: environment, stdio: "pipe" }));
}

/** The standard streams of a program as one socket, with the methods that node:http calls. */
class ProgramSocket extends Duplex {
  readonly #child: ChildProcess;
  #errors = "";
  #isEnded = false;

  constructor(child: ChildProcess) {
    super({ allowHalfOpen: true });
    this.#child = child;
    child.stdout?.on("data", (chunk: Buffer) => {
      if (!this.push(chunk)) child.stdout?.pause();
    });
    child.stdout?.on("end", () => {
      this.#isEnded = true;
    });
    child.stderr?.on("data", (chunk: Buffer) => {
      this.#errors = (this.#errors + chunk.toString("utf8")).slice(-STDERR_BYTES);
    });
    // EPIPE says nothing: the program has ended, and its last words follow with "close".
    child.stdin?.on("error", () => {});
    child.once("error", (error) => this.destroy(error));
    child.once("close", (exitCode) => {
      if (exitCode === 0 && this.#isEnded) this.push(null);
      else this.destroy(new Error(this.#lastWords(exitCode)));
    });
  }

  override _read(): void {
    this.#child.stdout?.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    const { stdin } = this.#child;
    if (stdin === null) done(new Error("ssh has no standard input"));
    else if (stdin.write(chunk)) done();
    else stdin.once("drain", () => done());
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#child.stdin?.end(() => done());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#child.kill("SIGTERM");
    done(error);
  }

  setKeepAlive(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setTimeout(): this {
    return this;
  }

  ref(): this {
    this.#child.ref();
    for (const stream of this.#streams()) stream.ref();
    return this;
  }

  unref(): this {
    this.#child.unref();
    for (const stream of this.#streams()) stream.unref();
    return this;
  }

  #streams(): Socket[] {
    const { stdin, stdout, stderr } = this.#child;
    return [stdin, stdout, stderr].filter((stream) => stream instanceof Socket);
  }

  #lastWords(exitCode: number | null): string {
    const words = this.#errors.trim().split("\n").at(-1) ?? "";
    return words === "" ? `ssh ended with exit code ${exitCode}` : words;
  }
}
