import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Lab } from "../../lab/lab-types.ts";
import type { Host } from "../update/host.ts";

const CLOCK_HOOK = `--import=${join(import.meta.dirname, "shift-clock.ts")}`;
const LINE_TIMEOUT_MS = 90_000;

/** A real `pratique serve` whose wall clock the test sets. */
export interface DrivenDaemon extends AsyncDisposable {
  readonly pid: number;
  /** Everything it has printed. */
  output(): string;
  /** Waits for a line that matches and is not before `after`; returns the whole output. */
  waitFor(pattern: RegExp, timeoutMs?: number): Promise<string>;
  /** Waits until it answers that it is ready: recovered, and the scheduler ticks. */
  ready(): Promise<void>;
  /** The clock jumps there and goes on: `2026-12-02T04:29:58+01:00`. */
  setClock(time: string): void;
  /** Sends the signal and waits for the end. Returns the exit code, 128 + signal when killed. */
  end(signal?: NodeJS.Signals): Promise<number>;
  signal(signal: NodeJS.Signals): void;
  /** The exit code, when it ends by itself. */
  ended(): Promise<number>;
}

/** Where the file is that tells pratique the time, for commands beside the daemon. */
export function clockEnvironment(lab: Lab, extraHooks: readonly string[] = []) {
  return {
    NODE_OPTIONS: [CLOCK_HOOK, ...extraHooks].join(" "),
    PRATIQUE_TEST_CLOCK: join(lab.dir, "clock"),
  };
}

/** The clock of everything that was started with `clockEnvironment`. */
export function setClock(lab: Lab, time: string): void {
  const aheadMs = Date.parse(time) - Date.now();
  assert.ok(Number.isFinite(aheadMs), `no time: ${time}`);
  // Renamed, because it is read at any moment.
  const file = join(lab.dir, "clock");
  writeFileSync(`${file}.new`, String(aheadMs));
  renameSync(`${file}.new`, file);
}

/** Starts the daemon with its clock at this time. */
export async function startDaemon(
  lab: Lab,
  host: Host,
  time: string,
  environment: Readonly<Record<string, string | undefined>> = {},
): Promise<DrivenDaemon> {
  setClock(lab, time);
  const child = lab.startPratique(["serve", "--plain"], {
    config: host.config,
    environment: { ...clockEnvironment(lab), TZ: "Europe/Berlin", ...environment },
  });
  return drive(lab, child);
}

function drive(lab: Lab, child: ChildProcess): DrivenDaemon {
  let output = "";
  child.stdout?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const exit = new Promise<number>((resolve) => {
    child.once("exit", (code, signal) => resolve(signal === null ? (code ?? 0) : 128 + 9));
  });
  let hasEnded = false;
  void exit.then(() => (hasEnded = true));

  async function waitFor(pattern: RegExp, timeoutMs = LINE_TIMEOUT_MS): Promise<string> {
    const deadlineMs = performance.now() + timeoutMs;
    while (!pattern.test(output)) {
      assert.ok(!hasEnded, `the daemon ended before ${pattern}:\n${output}`);
      assert.ok(performance.now() < deadlineMs, `no line ${pattern}:\n${output}`);
      await sleep(50);
    }
    return output;
  }

  async function ready(): Promise<void> {
    const deadlineMs = performance.now() + LINE_TIMEOUT_MS;
    for (;;) {
      const answer = await fetch("http://127.0.0.1:8585/readyz").catch(() => null);
      if (answer?.status === 200) return;
      assert.ok(!hasEnded, `the daemon ended before it was ready:\n${output}`);
      assert.ok(performance.now() < deadlineMs, `not ready:\n${output}`);
      await sleep(100);
    }
  }

  return {
    pid: child.pid ?? 0,
    ready,
    output: () => output,
    waitFor,
    setClock: (time) => setClock(lab, time),
    signal: (signal) => void child.kill(signal),
    ended: () => exit,
    end: async (signal = "SIGTERM") => {
      child.kill(signal);
      return await exit;
    },
    [Symbol.asyncDispose]: async () => {
      if (!hasEnded) child.kill("SIGKILL");
      await exit;
    },
  };
}
