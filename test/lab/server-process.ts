import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import type { LabServer } from "./lab-types.ts";
import { HopelessError, pollUntil } from "./poll-until.ts";

export interface ServerPlan {
  name: string;
  url: string;
  command: string;
  args: readonly string[];
  environment: Readonly<Record<string, string>>;
  logFile: string;
  /** Asked until it resolves. */
  probe(): Promise<void>;
}

/** Measured: 0.2 to 2 s; a machine under load may need ten times as long. */
const START_TIMEOUT_MS = 60_000;
/** Longer than dockerd waits for containers that ignore SIGTERM. */
const STOP_TIMEOUT_MS = 30_000;

/** A program that serves until it is stopped. Nothing runs before `start`. */
export function createServer(plan: ServerPlan): LabServer {
  let child: ChildProcess | undefined;

  const log = (lines = 40) =>
    existsSync(plan.logFile)
      ? readFileSync(plan.logFile, "utf8").trimEnd().split("\n").slice(-lines).join("\n")
      : "";

  async function start(): Promise<void> {
    if (child !== undefined) throw new Error(`${plan.name} runs already`);
    const logTo = openSync(plan.logFile, "a");
    const started = spawn(plan.command, plan.args, {
      env: { ...plan.environment },
      stdio: ["ignore", logTo, logTo],
    });
    closeSync(logTo);
    // A test that forgets its lab ends all the same, and the namespaces end with it.
    started.unref();
    child = started;
    let failure: unknown;
    started.once("error", (error) => {
      failure = error;
    });
    try {
      await pollUntil(`start of ${plan.name}`, START_TIMEOUT_MS, async () => {
        if (failure !== undefined || hasEnded(started)) {
          throw new HopelessError(`${plan.name} ended while starting`, { cause: failure });
        }
        await plan.probe();
        return true;
      });
    } catch (error) {
      await end("SIGKILL");
      throw new Error(`${(error as Error).message}. The end of its log:\n${log()}`, {
        cause: error,
      });
    }
  }

  async function end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const ending = child;
    child = undefined;
    if (ending === undefined || hasEnded(ending)) return;
    const exited = new Promise<void>((resolve) => ending.once("exit", () => resolve()));
    ending.ref();
    ending.kill(signal);
    const force = setTimeout(() => ending.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(force);
  }

  return {
    url: plan.url,
    log,
    start,
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
    async restart() {
      await end("SIGTERM");
      await start();
    },
  };
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** A probe: resolves when the address answers with 200. */
export async function expectOk(url: string): Promise<void> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(5000) });
  await answer.arrayBuffer();
  if (answer.status !== 200) throw new Error(`${url} answers ${answer.status}`);
}
