import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import type { Compose, ComposeProject, DryRun } from "../../ports.ts";
import { OPERATION_MARK } from "../system/processes.ts";
import { type ProgramResult, runProgram } from "../system/run-program.ts";
import { isAtLeast, JSON_PROGRESS } from "./compose-version.ts";
import { judgeDryRun } from "./dry-run-output.ts";
import { failureText, isEngineLost } from "./failure-text.ts";
import { selectServices } from "./select-services.ts";
import { serviceDigest } from "./service-digest.ts";

export interface ComposeOptions {
  /** The engine that pratique itself speaks to. */
  endpoint: string;
  /** PEM files for a tcp endpoint. */
  tls?: { ca: string; cert: string; key: string } | null;
  /** Argument vector before compose's own arguments. */
  command?: readonly string[];
  /** Where the few inherited variables come from. */
  environment?: Readonly<Record<string, string | undefined>>;
}

/** All that compose gets of our environment: no secret of pratique is in any of these. */
const INHERITED = ["PATH", "HOME", "DOCKER_CONFIG", "BUILDX_CONFIG", "SSH_AUTH_SOCK", "TMPDIR"];
/** Reading files and asking the engine: seconds, also on a slow machine. */
const READ_TIMEOUT_MS = 2 * 60_000;
const MODEL_BYTES = 16 * 1024 * 1024;
/** Looking ahead before `up`: a dry run waits for dependencies that are still starting. */
const PROBE_TIMEOUT_MS = 20_000;

/** Exit codes from here on mean a signal. */
const SIGNAL_EXITS = 128;

const UP = ["up", "--detach", "--no-deps", "--no-build", "--pull", "never"];

/** Docker Compose through its own program, started with argument arrays. */
export function createCompose(options: ComposeOptions): Compose {
  const command = options.command ?? ["docker", "compose"];
  const environment = childEnvironment(options);
  const [program = "docker", ...prefix] = withTls(command, options.tls ?? null);
  let known: Promise<string | null> | null = null;

  const run = (
    composeArguments: readonly string[],
    how: { folder?: string; timeoutMs?: number; operationId?: string } = {},
  ) =>
    runProgram(program, [...prefix, ...composeArguments], {
      environment:
        how.operationId === undefined
          ? environment
          : { ...environment, [OPERATION_MARK]: how.operationId },
      timeoutMs: how.timeoutMs ?? READ_TIMEOUT_MS,
      maxOutputBytes: MODEL_BYTES,
      folder: how.folder,
    });
  const runFor = (
    project: ComposeProject,
    composeArguments: readonly string[],
    how: { timeoutMs?: number; operationId?: string } = {},
  ) =>
    run([...projectArguments(project), ...composeArguments], {
      ...how,
      ...(project.workingFolder === "" ? {} : { folder: project.workingFolder }),
    });

  const version = async () => {
    known ??= run(["version", "--short"]).then(versionIn);
    const answer = await known;
    // A plugin that is not there may be installed while the daemon runs.
    if (answer === null) known = null;
    return answer;
  };

  const dryRunOf = async (
    project: ComposeProject,
    services: readonly string[],
    timeoutMs = READ_TIMEOUT_MS,
  ): Promise<DryRun> => {
    const isJson = isAtLeast(await version(), JSON_PROGRESS);
    const global = isJson ? ["--progress", "json"] : ["--ansi", "never"];
    const dryRun = [...global, "--dry-run", ...UP, "--", ...services];
    const result = await runFor(project, dryRun, { timeoutMs });
    const failure = failureOf(result);
    if (failure !== null || result.kind !== "exited") {
      return { kind: "unreadable", why: failure ?? "compose did not end by itself" };
    }
    return judgeDryRun(`${result.stdout}\n${result.stderr}`, services.length);
  };

  const selectionFor = (project: ComposeProject, services: readonly string[]) =>
    selectServices(services, {
      version,
      async model() {
        const result = await runFor(project, ["config", "--format", "json"]);
        // Where the files cannot be read, the dry run of the service itself says why.
        return result.kind === "exited" && result.exitCode === 0 ? result.stdout : null;
      },
      dryRun: (selection) => dryRunOf(project, selection, PROBE_TIMEOUT_MS),
    });

  return {
    version,
    async firstUnreadable(project) {
      const { workingFolder } = project;
      if (project.files.length === 0) return "compose file (the container's labels name none)";
      const paths = [workingFolder, ...project.files, ...project.environmentFiles];
      for (const path of paths) {
        const full = isAbsolute(path) ? path : join(workingFolder, path);
        if (!(await isReadable(full))) return path;
      }
      return null;
    },
    async dryRun(project, services) {
      return await dryRunOf(project, await selectionFor(project, services));
    },
    async configHash(project) {
      const { service } = project;
      const [hashes, model] = await Promise.all([
        runFor(project, ["config", `--hash=${service}`]),
        runFor(project, ["config", "--format", "json"]),
      ]);
      if (hashes.kind !== "exited" || hashes.exitCode !== 0) return null;
      if (model.kind !== "exited" || model.exitCode !== 0) return null;
      const line = hashes.stdout.split("\n").find((row) => row.startsWith(`${service} `));
      const hash = line?.slice(service.length + 1).trim() || null;
      const digest = serviceDigest(model.stdout, service);
      return hash === null || digest === null ? null : `${hash}+${digest}`;
    },
    async up(project, services, { operationId, timeoutMs }) {
      const selection = await selectionFor(project, services);
      const result = await runFor(project, ["--ansi", "never", ...UP, "--", ...selection], {
        operationId,
        timeoutMs,
      });
      const why = failureOf(result);
      if (why === null) return { kind: "done" };
      return { kind: isAnswer(result) ? "refused" : "cut-off", why };
    },
  };
}

/** The same project, seen from the same place: global options are repeated with every command. */
function projectArguments(project: ComposeProject): string[] {
  return [
    "--project-name",
    project.project,
    "--project-directory",
    project.workingFolder,
    ...project.files.flatMap((file) => ["--file", file]),
    ...project.environmentFiles.flatMap((file) => ["--env-file", file]),
  ];
}

function childEnvironment(options: ComposeOptions): Record<string, string> {
  const source = options.environment ?? process.env;
  const inherited = INHERITED.flatMap((name) => {
    const value = source[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(inherited), DOCKER_HOST: options.endpoint };
}

function withTls(command: readonly string[], tls: ComposeOptions["tls"]): readonly string[] {
  if (tls === null || tls === undefined) return command;
  const [program = "docker", ...rest] = command;
  const files = ["--tlscacert", tls.ca, "--tlscert", tls.cert, "--tlskey", tls.key];
  return [program, "--tlsverify", ...files, ...rest];
}

/** Null where the program did its work. */
function failureOf(result: ProgramResult): string | null {
  switch (result.kind) {
    case "exited":
      if (result.exitCode === 0) return null;
      return failureText(result.stderr) || `compose ended with exit code ${result.exitCode}`;
    case "not-started":
      return `docker compose could not be started: ${result.why}`;
    case "timeout":
      return `compose did not end within ${Math.round(result.durationMs / 1000)} s`;
    case "killed":
      return `compose was ended by ${result.signal}`;
    case "aborted":
    case "output-refused":
      return "compose was stopped";
  }
}

/** Compose catches signals: it ends with 130 or 143 then. */
function isAnswer(result: ProgramResult): boolean {
  if (result.kind !== "exited" || result.exitCode >= SIGNAL_EXITS) return false;
  return !isEngineLost(result.stderr);
}

function versionIn(result: ProgramResult): string | null {
  if (result.kind !== "exited" || result.exitCode !== 0) return null;
  return /[0-9]+\.[0-9]+\.[0-9]+/.exec(result.stdout)?.[0] ?? null;
}

async function isReadable(path: string): Promise<boolean> {
  try {
    await access(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}
