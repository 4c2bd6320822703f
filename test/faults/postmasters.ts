/** Watches that a data directory never has two servers, nor a server while it is copied or moved. */
import { readdirSync, readFileSync, statSync } from "node:fs";

const EVERY_MS = 200;
/** No shells: initdb starts one in its own directory, to list locales. */
const MOVERS = new Set(["cp", "mv"]);

interface Seen {
  pid: string;
  name: string;
  /** Device and inode of the data directory that it works in. */
  place: string;
}

/** Looks below /proc: whatever container or namespace a server runs in, it stands in its data. */
export function watchPostmasters() {
  const problems = new Set<string>();
  const timer = setInterval(() => {
    const first = look();
    if (first.length === 0) return;
    // A program that becomes another one while we look is neither: what is true stays true.
    const second = new Set(look());
    for (const problem of first) if (second.has(problem)) problems.add(problem);
  }, EVERY_MS);
  return {
    /** What was seen since the last time. */
    take(): string[] {
      const found = [...problems];
      problems.clear();
      return found;
    },
    [Symbol.dispose]() {
      clearInterval(timer);
    },
  };
}

function look(): string[] {
  const servers = new Map<string, Seen>();
  const movers: Seen[] = [];
  const problems: string[] = [];
  for (const seen of inDataDirectories()) {
    if (MOVERS.has(seen.name)) movers.push(seen);
    if (seen.name !== "postgres") continue;
    const other = servers.get(seen.place);
    if (other !== undefined)
      problems.push(`two servers on one data directory: ${other.pid} and ${seen.pid}`);
    servers.set(seen.place, seen);
  }
  for (const { name, pid, place } of movers) {
    const server = servers.get(place);
    if (server === undefined) continue;
    problems.push(`${name} (${pid}) at work in the directory of a running server (${server.pid})`);
  }
  return problems;
}

function* inDataDirectories(): Generator<Seen> {
  for (const pid of readdirSync("/proc")) {
    if (!/^[0-9]+$/.test(pid)) continue;
    try {
      const { name, parent } = identity(pid);
      if (name !== "postgres" && !MOVERS.has(name)) continue;
      // The postmaster only: its backends are its children.
      if (name === "postgres" && identity(parent).name === "postgres") continue;
      const { dev, ino } = statSync(`/proc/${pid}/cwd`);
      statSync(`/proc/${pid}/cwd/postmaster.pid`);
      if (identity(pid).name === name) yield { pid, name, place: `${dev}:${ino}` };
    } catch {
      // It has ended, or does not stand in a data directory that a server has open.
    }
  }
}

function identity(pid: string): { name: string; parent: string } {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const end = stat.lastIndexOf(")");
  const parent = stat.slice(end + 2).split(" ")[1] ?? "";
  return { name: stat.slice(stat.indexOf("(") + 1, end), parent };
}
