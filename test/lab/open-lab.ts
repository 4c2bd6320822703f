import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, delimiter, join } from "node:path";
import { createEngine } from "./engine.ts";
import { quickDocker } from "./engine-commands.ts";
import { pushImage } from "./images.ts";
import type { CommandOptions, Lab, LabOptions, LabPart, LabServer } from "./lab-types.ts";
import { createNtfy } from "./ntfy.ts";
import { findPrograms, type Programs } from "./programs.ts";
import { createRegistry } from "./registry.ts";
import { createRegistryClient } from "./registry-client.ts";
import { rememberingTrivy } from "./remembering-trivy.ts";
import { type ProgramOptions, runProgram } from "./run-program.ts";
import { takeDownEngine } from "./take-down.ts";
import { createTrivy } from "./trivy.ts";
import { createWarmRunner, type WarmRunner } from "./warm-runner.ts";

const CHECKOUT = join(import.meta.dirname, "..", "..");
const ALL_PARTS: readonly LabPart[] = ["engine", "registry", "ntfy", "trivy"];

let isOpen = false;

/**
 * Starts a lab; `await using` takes it down. One at a time per process, because the addresses are
 * fixed. Never call a synchronous child process (execFileSync) while it is open: the front of the
 * Trivy server and the registry proxy answer from this process.
 */
export async function openLab(options: LabOptions = {}): Promise<Lab> {
  checkNamespaces();
  if (isOpen) throw new Error("A lab is open already in this process");
  isOpen = true;
  const programs = findPrograms();
  await runProgram(programs.busybox, ["ip", "link", "set", "lo", "up"]);
  // Short, because the paths of sockets below it are limited to 108 bytes.
  const dir = mkdtempSync(join(tmpdir(), "lab-"));
  const cgroup = labCgroup(dir);
  const servers = {
    engine: createEngine({
      dir: join(dir, "engine"),
      version: options.engine ?? "26.1",
      imageStore: options.imageStore ?? "overlay2",
      cgroup,
      programs,
    }),
    registry: createRegistry(join(dir, "registry"), programs),
    ntfy: createNtfy(join(dir, "ntfy"), programs),
    trivy: createTrivy(join(dir, "trivy"), programs, options.trivyToken),
  } satisfies Record<LabPart, LabServer>;

  let warm: WarmRunner | null = null;

  async function takeDown(): Promise<void> {
    warm?.end();
    await Promise.all(Object.values(servers).map((server) => server.kill()));
    await takeDownEngine(join(dir, "engine"), cgroup, programs);
    rmSync(dir, { recursive: true, force: true });
    isOpen = false;
  }
  const started = await Promise.allSettled(
    (options.parts ?? ALL_PARTS).map((part) => servers[part].start()),
  );
  const failed = started.find((result) => result.status === "rejected");
  if (failed !== undefined) {
    await takeDown();
    throw failed.reason;
  }

  const environment = makeEnvironment(dir, servers.engine.url, programs);
  const trivyProgram = join(dir, "bin", "trivy");
  if (options.remembersScans !== true) symlinkSync(programs.trivy, trivyProgram);
  else writeFileSync(trivyProgram, rememberingTrivy(dir, programs.trivy), { mode: 0o755 });
  const registryClient = createRegistryClient(servers.registry.url);
  const isWarm = options.isWarm ?? process.env.PRATIQUE_LAB_WARM === "yes";
  if (isWarm) warm = createWarmRunner(dir, environment);
  const commands = makeCommands(dir, environment, programs, servers.engine.socket, warm);
  return {
    dir,
    ...servers,
    environment,
    image: (reference, spec) =>
      pushImage(registryClient, servers.registry.host, programs.busybox, reference, spec),
    ...commands,
    folder(name) {
      const folder = join(dir, "folders", name);
      mkdirSync(folder, { recursive: true });
      return folder;
    },
    [Symbol.asyncDispose]: takeDown,
  };
}

/** cgroups are not private: the name tells whose they are. */
export function labCgroup(dir: string): string {
  return `pratique-lab-${process.env.PRATIQUE_LAB_RUN}-${basename(dir)}`;
}

/** Engines rewrite bridges and firewall rules: never let one do that to the machine. */
function checkNamespaces(): void {
  const outside = process.env.PRATIQUE_LAB_OUTSIDE;
  if (outside !== undefined && readlinkSync("/proc/self/ns/net") !== outside) return;
  throw new Error(
    "The lab runs in namespaces of its own only. Run this file with `npm test -- FILE` or " +
      "`test/lab/enter node_modules/.bin/node --test FILE`.",
  );
}

function makeEnvironment(
  dir: string,
  dockerHost: string,
  programs: Programs,
): Record<string, string> {
  const bin = join(dir, "bin");
  const home = join(dir, "home");
  const plugins = join(dir, "docker", "cli-plugins");
  for (const folder of [bin, home, plugins]) mkdirSync(folder, { recursive: true });
  writeFileSync(join(bin, "docker"), dockerCommand(programs), { mode: 0o755 });
  symlinkSync(programs.compose, join(plugins, "docker-compose"));
  writeFileSync(join(dir, "docker", "config.json"), "{}\n");
  const path = [
    bin,
    join(CHECKOUT, "node_modules", ".bin"),
    ...["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"],
  ];
  const compileCache = process.env.NODE_COMPILE_CACHE;
  return {
    PATH: path.join(delimiter),
    HOME: home,
    LANG: "C.UTF-8",
    TMPDIR: tmpdir(),
    DOCKER_HOST: dockerHost,
    DOCKER_CONFIG: join(dir, "docker"),
    ...(compileCache === undefined ? {} : { NODE_COMPILE_CACHE: compileCache }),
  };
}

/**
 * "docker compose" without the docker program, which would start its plugin twice: a tenth of what
 * the tests cost. The tests of the adapter and of pratique's own image have Debian's arrangement.
 */
function dockerCommand({ docker, compose }: Programs): string {
  return `#!/bin/sh
if [ "\${1:-}" = compose ]; then
  shift
  exec '${compose}' "$@"
fi
exec '${docker}' "$@"
`;
}

type Commands = Pick<Lab, "docker" | "compose" | "trivyClient" | "pratique" | "startPratique">;

function makeCommands(
  dir: string,
  environment: Readonly<Record<string, string>>,
  programs: Programs,
  engineSocket: string,
  warm: WarmRunner | null,
): Commands {
  const launcher = join(CHECKOUT, "bin", "pratique");
  const withEnvironment = (options: CommandOptions): ProgramOptions => {
    const { environment: changes, ...rest } = options;
    return { ...rest, environment: { ...environment, ...changes } };
  };
  const configArgs = (config: string | undefined) =>
    config === undefined ? [] : ["--config", config];
  return {
    docker: quickDocker(engineSocket, (args, options = {}) =>
      runProgram(programs.docker, args, withEnvironment(options)),
    ),
    compose: (folder, args, options = {}) =>
      // The plugin by itself: the docker program would start it twice.
      runProgram(programs.compose, args, { ...withEnvironment(options), folder }),
    trivyClient: (args, options = {}) => runProgram(programs.trivy, args, withEnvironment(options)),
    async pratique(args, { config, ...options } = {}) {
      const words = [...configArgs(config), ...args];
      const { timeoutMs = 120_000, ...others } = options;
      const isPlain = Object.keys(others).length === 0;
      if (warm?.isFree() === true && isPlain) return await warm.run(words, timeoutMs);
      return await runProgram(launcher, words, {
        ...withEnvironment(options),
        folder: dir,
        mayFail: true,
      });
    },
    startPratique(args, { config, ...options } = {}): ChildProcess {
      const { environment: env } = withEnvironment(options);
      return spawn(launcher, [...configArgs(config), ...args], { cwd: dir, env: { ...env } });
    },
  };
}
