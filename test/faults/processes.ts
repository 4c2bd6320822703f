import { readdirSync, readFileSync } from "node:fs";

/** SIGKILL for a process alone, as the kernel's out-of-memory killer does it. */
export function killAlone(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has just ended by itself.
  }
}

/** SIGKILL for a process and all that it started, as the end of its container or a power cut. */
export function killTree(pid: number): void {
  for (const each of [pid, ...descendants(pid)]) killAlone(each);
}

function descendants(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    if (!/^[0-9]+$/.test(name)) continue;
    try {
      const fields = readFileSync(`/proc/${name}/stat`, "utf8").split(") ").at(-1)?.split(" ");
      const parent = Number(fields?.[1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
    } catch {
      // Ended meanwhile.
    }
  }
  const found: number[] = [];
  const todo = [pid];
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    const below = children.get(next) ?? [];
    found.push(...below);
    todo.push(...below);
  }
  return found;
}
