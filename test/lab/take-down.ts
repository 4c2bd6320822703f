/** Removes what an engine leaves in its namespaces, on cgroup file systems and on disk. */
import { readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { pollUntil } from "./poll-until.ts";
import type { Programs } from "./programs.ts";
import { runProgram } from "./run-program.ts";

const CGROUP_ROOT = "/sys/fs/cgroup";
const TAKE_DOWN_TIMEOUT_MS = 20_000;

/**
 * Ends containers and containerd with SIGKILL (nothing of the lab is worth an orderly end), then
 * removes mounts, links, firewall rules, cgroups and the folder. dockerd must be gone already.
 */
export async function takeDownEngine(
  dir: string,
  cgroup: string,
  programs: Programs,
): Promise<void> {
  await pollUntil("end of the engine's processes", TAKE_DOWN_TIMEOUT_MS, () => {
    const left = processesOf(dir, cgroup);
    for (const pid of left) killQuietly(pid);
    return left.length === 0 ? true : undefined;
  });
  await unmountBelow(dir);
  await removeLinks(programs);
  removeCgroups(cgroup);
  rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
}

/** Removes `/<name>` and everything below it in every cgroup hierarchy. */
export function removeCgroups(name: string): void {
  for (const folder of cgroupFolders(name)) {
    const below = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort((left, right) => right.length - left.length);
    for (const each of [...below, folder]) rmdirSync(each);
  }
}

/** cgroup folders of this name, in version 1 (one per controller) or version 2. */
export function cgroupFolders(name: string): string[] {
  const hierarchies = ["", ...foldersIn(CGROUP_ROOT)];
  return hierarchies
    .filter((hierarchy) => foldersIn(join(CGROUP_ROOT, hierarchy)).includes(name))
    .map((hierarchy) => join(CGROUP_ROOT, hierarchy, name));
}

export function foldersIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
}

function processesOf(dir: string, cgroup: string): number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => {
      if (!Number.isInteger(pid) || pid === process.pid) return false;
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
        if (command === "") return false; // A zombie: process 1 collects it.
        if (command.includes(join(dir, "exec")) || command.includes(join(dir, "data"))) return true;
        return readFileSync(`/proc/${pid}/cgroup`, "utf8").includes(`/${cgroup}/`);
      } catch {
        return false; // Ended meanwhile.
      }
    });
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Ended meanwhile.
  }
}

async function unmountBelow(dir: string): Promise<void> {
  const targets = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1]?.replaceAll("\\040", " ") ?? "")
    .filter((target) => target.startsWith(`${dir}/`));
  for (const target of targets.reverse()) {
    await runProgram("umount", ["--lazy", target], { mayFail: true });
  }
}

/** Another engine in the same namespace must find neither bridges nor rules. */
async function removeLinks(programs: Programs): Promise<void> {
  const ip = (...args: string[]) => runProgram(programs.busybox, ["ip", ...args]);
  const { stdout } = await ip("-o", "link");
  for (const [, name] of stdout.matchAll(/^\d+: ([^:@]+)/gm)) {
    // A veth vanishes with its other end.
    if (name !== undefined && /^(docker|br-|veth)/.test(name)) {
      await runProgram(programs.busybox, ["ip", "link", "del", name], { mayFail: true });
    }
  }
  const environment = { ...programs.libraryEnvironment, PATH: "/usr/bin:/bin" };
  for (const command of ["iptables", "ip6tables"]) {
    const program = join(programs.enginePath("26.1")[0] ?? "", command);
    for (const table of ["filter", "nat"]) {
      for (const action of ["--flush", "--delete-chain"]) {
        await runProgram(program, ["--table", table, action], { environment, mayFail: true });
      }
    }
    if (command === "iptables") {
      await runProgram(program, ["--policy", "FORWARD", "ACCEPT"], { environment, mayFail: true });
    }
  }
}
