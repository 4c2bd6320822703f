import { setTimeout as sleep } from "node:timers/promises";
import { createEngineClient, type EngineClient } from "./engine-client.ts";
import { parseOptions } from "./engine-options.ts";
import { fillTemplate, parseTemplate } from "./engine-template.ts";
import type { CommandResult, Lab } from "./lab-types.ts";
import { describeFailure } from "./run-program.ts";

/** Answers a command without its first word; undefined: only the program can. */
type Command = (engine: EngineClient, args: readonly string[]) => Promise<Answer>;
type Answer = CommandResult | undefined;

/** What the tests ask most; engine-commands.test.ts compares each with the program's answer. */
const COMMANDS: Readonly<Record<string, Command>> = {
  exec,
  inspect: (engine, args) => inspect(engine, args, "containers"),
  image: async (engine, [verb, ...args]) =>
    verb === "inspect" ? await inspect(engine, args, "images") : undefined,
  logs,
  ps,
};

/** As the program's own, where the engine goes away in the middle of an exec. */
const ENGINE_LOST_CODE = 255;

/**
 * `lab.docker`, which asks the engine itself instead of starting the docker program, a tenth of a
 * second of a processor each time. The program is left what is not known here, and everything
 * that the engine refuses, so that all messages are its own.
 */
export function quickDocker(socketPath: string, program: Lab["docker"]): Lab["docker"] {
  return async function docker(args, options = {}): Promise<CommandResult> {
    const { mayFail = false, timeoutMs = 120_000, ...others } = options;
    const isQuick = Object.values(others).every((value) => value === undefined);
    const result = isQuick && (await askEngine(socketPath, args, timeoutMs));
    if (!result) return await program(args, options);
    if (result.code === 0 || mayFail) return result;
    throw new Error(describeFailure("docker", args, `ended with ${result.code}`, result));
  };
}

/** Undefined: the program must be asked. Rejects after the time. */
async function askEngine(
  socketPath: string,
  args: readonly string[],
  timeoutMs: number,
): Promise<Answer> {
  const [verb = "", ...rest] = args;
  const signal = AbortSignal.timeout(timeoutMs);
  const engine = createEngineClient(socketPath, signal);
  try {
    if (Object.hasOwn(COMMANDS, verb)) return await COMMANDS[verb]?.(engine, rest);
    return undefined;
  } catch (error) {
    if (!signal.aborted) return undefined; // There is no engine: the program says so.
    throw new Error(`docker ${args.join(" ")}: took longer than ${timeoutMs} ms`, { cause: error });
  }
}

function areNames(operands: readonly string[]): boolean {
  return operands.length > 0 && operands.every((each) => /^\w[\w.-]*$/.test(each));
}

// ---------------------------------------------------------------- questions

async function inspect(
  engine: EngineClient,
  args: readonly string[],
  kind: "containers" | "images",
): Promise<Answer> {
  const parsed = parseOptions(args, { values: ["--format"] });
  const template = parseTemplate(parsed?.options.get("--format") ?? []);
  // References of images have slashes, colons and digests.
  const areKnown = parsed?.operands.every((each) => /^\w[\w.:@/-]*$/.test(each));
  if (template === undefined || !areKnown || parsed?.operands.length === 0) return undefined;
  const lines: string[] = [];
  for (const name of parsed?.operands ?? []) {
    if (kind === "containers" && !areNames([name])) return undefined;
    const { status, body } = await engine("GET", `/${kind}/${name}/json`);
    const line = status === 200 ? fillTemplate(template, JSON.parse(body.toString())) : undefined;
    if (line === undefined) return undefined;
    lines.push(line);
  }
  return printed(lines.join("\n"));
}

interface ListedContainer {
  Id: string;
  Names: string[];
  State: string;
}

async function ps(engine: EngineClient, args: readonly string[]): Promise<Answer> {
  const switches = ["--all", "--quiet", "--no-trunc"];
  const parsed = parseOptions(args, { values: ["--format", "--filter"], switches });
  if (parsed === undefined || parsed.operands.length > 0) return undefined;
  const { options } = parsed;
  const formats = options.get("--format") ?? [];
  const template = parseTemplate(options.has("--quiet") ? [...formats, "{{.ID}}"] : formats);
  // A backslash means a tab here.
  if (template === undefined || formats.some((each) => each.includes("\\"))) return undefined;

  const query = new URLSearchParams(options.has("--all") ? { all: "1" } : {});
  const filters: Record<string, string[]> = {};
  for (const filter of options.get("--filter") ?? []) {
    const [, name = "", value = ""] = /^([a-z]+)=(.+)$/.exec(filter) ?? [];
    filters[name] = [...(filters[name] ?? []), value];
  }
  query.set("filters", JSON.stringify(filters));
  const { status, body } = await engine("GET", `/containers/json?${query}`);
  if (status !== 200) return undefined;
  const lines: string[] = [];
  for (const { Id, Names, State } of JSON.parse(body.toString()) as ListedContainer[]) {
    const isWhole = options.has("--no-trunc");
    const own = Names.map((each) => each.slice(1));
    const fields = {
      ID: isWhole ? Id : Id.slice(0, 12),
      // Links give a container names below others.
      Names: own.filter((each) => isWhole || !each.includes("/")).join(","),
      State,
    };
    const line = fillTemplate(template, fields);
    if (line === undefined) return undefined;
    lines.push(line);
  }
  return printed(lines.join("\n"));
}

async function logs(engine: EngineClient, args: readonly string[]): Promise<Answer> {
  const parsed = parseOptions(args, { values: ["--tail"] });
  const [name = "", ...others] = parsed?.operands ?? [];
  if (parsed === undefined || !areNames([name]) || others.length > 0) return undefined;
  const about = await engine("GET", `/containers/${name}/json`);
  // A terminal's is one stream without frames.
  if (about.status !== 200 || JSON.parse(about.body.toString()).Config.Tty) return undefined;
  const tail = parsed.options.get("--tail")?.at(-1) ?? "all";
  const query = new URLSearchParams({ stdout: "1", stderr: "1", tail });
  const { status, body } = await engine("GET", `/containers/${name}/logs?${query}`);
  return status === 200 ? { ...readFrames(body), code: 0 } : undefined;
}

// ---------------------------------------------------------------- exec

async function exec(engine: EngineClient, args: readonly string[]): Promise<Answer> {
  const values = ["--env", "-e", "--user", "-u", "--workdir", "-w"];
  const parsed = parseOptions(args, { values, switches: ["--detach", "-d"] });
  const [name = "", ...command] = parsed?.operands ?? [];
  if (parsed === undefined || !areNames([name]) || command.length === 0) return undefined;
  const of = (...names: string[]) => names.flatMap((each) => parsed.options.get(each) ?? []);
  const variables = of("--env", "-e");
  // One without a value is the caller's own.
  if (variables.some((each) => !/^\w+=/.test(each))) return undefined;
  const isDetached = of("--detach", "-d").length > 0;
  const made = await engine("POST", `/containers/${name}/exec`, {
    Cmd: command,
    Env: variables,
    User: of("--user", "-u").at(-1) ?? "",
    WorkingDir: of("--workdir", "-w").at(-1) ?? "",
    Detach: isDetached,
    AttachStdout: !isDetached,
    AttachStderr: !isDetached,
  });
  if (made.status !== 201) return undefined;
  const { Id: id } = JSON.parse(made.body.toString()) as { Id: string };
  const start = { Detach: isDetached, Tty: false };
  const { status, body } = await engine("POST", `/exec/${id}/start`, start);
  if (status !== 200) return undefined;
  if (isDetached) return printed("");
  return { ...readFrames(body), code: await exitCode(engine, id) };
}

/** From here on nothing may be done a second time: a lost engine is a result, as for the program. */
async function exitCode(engine: EngineClient, id: string): Promise<number> {
  // Its output ends a moment before the engine knows that the command has.
  for (let pauses = 0; ; pauses++) {
    const answer = await engine("GET", `/exec/${id}/json`).catch(() => null);
    if (answer?.status !== 200) return ENGINE_LOST_CODE;
    const state = JSON.parse(answer.body.toString()) as { Running: boolean; ExitCode?: number };
    if (!state.Running || pauses === 20) return state.ExitCode ?? 0;
    await sleep(25);
  }
}

/** Frames of the attach stream: which of the outputs, three zeros, the length, the bytes. */
function readFrames(stream: Buffer): Pick<CommandResult, "stdout" | "stderr"> {
  const outputs: [Buffer[], Buffer[]] = [[], []];
  for (let at = 0; at + 8 <= stream.length; ) {
    const end = at + 8 + stream.readUInt32BE(at + 4);
    outputs[stream[at] === 2 ? 1 : 0].push(stream.subarray(at + 8, end));
    at = end;
  }
  const [stdout, stderr] = outputs.map((each) => Buffer.concat(each).toString("utf8").trimEnd());
  return { stdout: stdout ?? "", stderr: stderr ?? "" };
}

function printed(stdout: string): CommandResult {
  return { code: 0, stdout: stdout.trimEnd(), stderr: "" };
}
