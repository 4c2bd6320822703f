/** What a test run may not leave on the machine, and how to remove it all the same. */
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { cgroupFolders, foldersIn, removeCgroups } from "./take-down.ts";

/** A killed namespace needs a moment until the kernel has ended everything in it. */
const GRACE_MS = 3000;

/** Node's cache of compiled modules, and the scans that labs repeat: all labs of a run share them. */
const EXPECTED_IN_TEMPORARY_FOLDER = ["node-compile-cache", "trivy-answers"];

export interface Leftovers {
  /** The names of what is left now; empty is good. */
  find(): Promise<string[]>;
  /** Removes cgroups, processes and the temporary folder of this run. */
  remove(): void;
}

/** Remembers what the machine had before the run. `run` marks processes, cgroups and folders. */
export function watchLeftovers(run: string, temporaryFolder: string): Leftovers {
  const linksBefore = new Set(readdirSync("/sys/class/net"));
  const cgroupPrefix = `pratique-lab-${run}-`;

  const findNow = () => [
    ...markedProcesses(run).map((pid) => `process ${pid}: ${commandOf(pid)}`),
    ...mountsBelow(temporaryFolder).map((target) => `mount ${target}`),
    ...cgroupNames(cgroupPrefix).map((name) => `cgroup ${name}`),
    ...readdirSync("/sys/class/net")
      .filter((name) => !linksBefore.has(name))
      .map((name) => `network link ${name}`),
    ...readdirSync(temporaryFolder)
      .filter((name) => !EXPECTED_IN_TEMPORARY_FOLDER.includes(name))
      .map((name) => `temporary file ${join(temporaryFolder, name)}`),
  ];
  return {
    async find() {
      const deadline = performance.now() + GRACE_MS;
      while (performance.now() < deadline && findNow().length > 0) await sleep(100);
      return findNow();
    },
    remove() {
      for (const pid of markedProcesses(run)) process.kill(pid, "SIGKILL");
      for (const name of cgroupNames(cgroupPrefix)) removeCgroups(name);
      rmSync(temporaryFolder, { recursive: true, force: true });
    },
  };
}

/** Children inherit the mark with their environment; containers cannot outlive their namespace. */
function markedProcesses(run: string): number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => {
      if (!Number.isInteger(pid) || pid === process.pid) return false;
      try {
        const variables = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
        return variables.includes(`PRATIQUE_LAB_RUN=${run}`);
      } catch {
        return false; // Ended meanwhile, or another user's.
      }
    });
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
  } catch {
    return "ended meanwhile";
  }
}

function mountsBelow(folder: string): string[] {
  return readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((target) => target.startsWith(`${folder}/`));
}

function cgroupNames(prefix: string): string[] {
  const root = "/sys/fs/cgroup";
  const hierarchies = ["", ...foldersIn(root)];
  const names = hierarchies.flatMap((hierarchy) => foldersIn(join(root, hierarchy)));
  return [...new Set(names.filter((name) => name.startsWith(prefix)))].filter(
    (name) => cgroupFolders(name).length > 0,
  );
}
