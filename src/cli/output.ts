import { printableJson } from "../values/printable-json.ts";
import { visible } from "./render/visible.ts";

export interface OutputOptions {
  json: boolean;
  plain: boolean;
  quiet: boolean;
  verbose: boolean;
}

/** A stream as it is used here; process.stdout and process.stderr are ones. */
export interface TextStream {
  write(text: string): unknown;
  on(event: "error", listener: (error: NodeJS.ErrnoException) => void): unknown;
  isTTY?: boolean;
  columns?: number;
  rows?: number;
}

/**
 * The two streams: data on standard output, everything else on standard error. A closed pipe and
 * a lost terminal are ignored: an update must not die because nobody reads along (DESIGN 3).
 */
export class Output {
  readonly options: OutputOptions;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #stdout: () => TextStream;
  readonly #stderr: () => TextStream;
  #openStdout: TextStream | null = null;
  #openStderr: TextStream | null = null;

  constructor(
    options: OutputOptions,
    world: {
      environment: NodeJS.ProcessEnv;
      /** Functions, because opening a stream takes time that `--help` need not spend. */
      stdout: () => TextStream;
      stderr: () => TextStream;
    },
  ) {
    this.options = options;
    this.#environment = world.environment;
    this.#stdout = world.stdout;
    this.#stderr = world.stderr;
  }

  get stdout(): TextStream {
    this.#openStdout ??= withoutBrokenPipes(this.#stdout());
    return this.#openStdout;
  }

  get stderr(): TextStream {
    this.#openStderr ??= withoutBrokenPipes(this.#stderr());
    return this.#openStderr;
  }

  /** Lines of data. Nothing with `--json`: use `json` for that. */
  lines(lines: readonly string[]): void {
    if (this.options.json || lines.length === 0) return;
    this.stdout.write(`${lines.join("\n")}\n`);
  }

  /** One JSON document on standard output; control characters are escaped. */
  json(value: unknown): void {
    const text = JSON.stringify(value, null, 2);
    this.stdout.write(`${printableJson(text)}\n`);
  }

  /** The same result for people or for programs. */
  result(value: unknown, lines: () => readonly string[]): void {
    if (this.options.json) this.json(value);
    else this.lines(lines());
  }

  /** A line beside the data, not with `--quiet`. */
  note(line: string): void {
    if (!this.options.quiet) this.stderr.write(`${visible(line)}\n`);
  }

  /** Columns of the terminal that shows the data; no limit where there is none. */
  get width(): number {
    const { isTTY, columns } = this.stdout;
    return isTTY === true && columns !== undefined && columns > 0
      ? columns
      : Number.POSITIVE_INFINITY;
  }

  /** Whether the stream shows colours: a terminal, unless NO_COLOR, --plain or TERM forbid. */
  hasColour(stream: TextStream): boolean {
    const { NO_COLOR, FORCE_COLOR, TERM } = this.#environment;
    if (this.options.plain || (NO_COLOR ?? "") !== "") return false;
    if ((FORCE_COLOR ?? "") !== "" && FORCE_COLOR !== "0") return true;
    return stream.isTTY === true && TERM !== "dumb";
  }

  /** Whether progress is drawn in place: only on a terminal that can move its cursor. */
  get isLive(): boolean {
    const { plain, quiet, verbose } = this.options;
    if (plain || quiet || verbose || this.#environment.TERM === "dumb") return false;
    return this.stderr.isTTY === true;
  }
}

/** EPIPE: the reader is gone. EIO: the terminal is. */
function withoutBrokenPipes(stream: TextStream): TextStream {
  stream.on("error", (error) => {
    if (error.code !== "EPIPE" && error.code !== "EIO") throw error;
  });
  return stream;
}
