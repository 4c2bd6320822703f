import { readdir, readFile, stat } from "node:fs/promises";
import type { Clock, Processes } from "../../ports.ts";

/** Environment variable that marks what an operation started (facts/crash-safety, I5). */
export const OPERATION_MARK = "PRATIQUE_OPERATION";

const TERM_MS = 10_000;
const KILL_MS = 10_000;
const POLL_MS = 50;

interface Found {
  pid: number;
  /** Clock ticks since boot: pid and start time together name one process for ever. */
  startTicks: string;
}

/**
 * Finds programs by the mark in their environment, below /proc: it sees the own pid namespace
 * and the own user's processes (root needs CAP_SYS_PTRACE for those with more capabilities).
 */
export function createProcesses(clock: Pick<Clock, "monotonicMs" | "sleep">): Processes {
  return {
    async endMarked(operationId) {
      const entry = Buffer.from(`${OPERATION_MARK}=${operationId}`);
      const seen = new Map<string, Found>();
      const look = async () => {
        const found = await findMarked(entry);
        for (const one of found) seen.set(`${one.pid}/${one.startTicks}`, one);
        return found;
      };
      if ((await look()).length === 0) return 0;
      for (const [signal, waitMs] of [
        ["SIGTERM", TERM_MS],
        ["SIGKILL", KILL_MS],
      ] as const) {
        const deadlineMs = clock.monotonicMs() + waitMs;
        const told = new Set<string>();
        let alive = await look();
        while (alive.length > 0 && clock.monotonicMs() < deadlineMs) {
          for (const one of alive) {
            const key = `${one.pid}/${one.startTicks}`;
            if (!told.has(key)) end(one.pid, signal);
            told.add(key);
          }
          await clock.sleep(POLL_MS);
          alive = await look();
        }
        if (alive.length === 0) return seen.size;
      }
      const left = await findMarked(entry);
      if (left.length === 0) return seen.size;
      throw new Error(
        `Programs of operation ${operationId} survive SIGKILL: ${left.map((one) => one.pid).join(", ")}`,
      );
    },
  };
}

async function findMarked(entry: Buffer): Promise<Found[]> {
  const found: Found[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^[0-9]+$/.test(name) || Number(name) === process.pid) continue;
    const one = await readMarked(Number(name), entry);
    if (one !== null) found.push(one);
  }
  return found;
}

async function readMarked(pid: number, entry: Buffer): Promise<Found | null> {
  try {
    const { uid } = await stat(`/proc/${pid}`);
    if (process.getuid?.() !== 0 && uid !== process.getuid?.()) return null;
    // A zombie's environment is empty, so what has ended but was not reaped does not count.
    if (!hasEntry(await readFile(`/proc/${pid}/environ`), entry)) return null;
    const fields = (await readFile(`/proc/${pid}/stat`, "utf8")).split(") ").at(-1)?.split(" ");
    return { pid, startTicks: fields?.[19] ?? "" };
  } catch {
    // Ended while we looked, or not ours to read.
    return null;
  }
}

/** Whether a NUL-separated environment has exactly this entry. */
function hasEntry(environment: Buffer, entry: Buffer): boolean {
  let from = 0;
  for (;;) {
    const at = environment.indexOf(entry, from);
    if (at < 0) return false;
    const startsEntry = at === 0 || environment[at - 1] === 0;
    const after = at + entry.length;
    if (startsEntry && (after === environment.length || environment[after] === 0)) return true;
    from = at + 1;
  }
}

function end(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // ESRCH: it has just ended.
  }
}
