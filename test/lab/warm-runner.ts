import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import { EXIT } from "../../src/errors.ts";
import type { CommandResult } from "./lab-types.ts";

const PROGRAM = join(import.meta.dirname, "warm-pratique.ts");

export interface WarmRunner {
  /** False while a command is under way: two at a time need two processes. */
  isFree(): boolean;
  /** Rejects where the process ends without an answer or takes too long. */
  run(args: readonly string[], timeoutMs: number): Promise<CommandResult>;
  end(): void;
}

/** Starts its process at the first command, and a new one after a bug or a command without an answer. */
export function createWarmRunner(
  dir: string,
  environment: Readonly<Record<string, string>>,
): WarmRunner {
  let child: ChildProcess | null = null;
  let isBusy = false;

  function start(): ChildProcess {
    return fork(PROGRAM, [], {
      cwd: dir,
      // As bin/pratique sets it.
      env: { ...environment, PRATIQUE_CACHE: environment.NODE_COMPILE_CACHE },
      execArgv: [],
      execPath: process.env.PRATIQUE_NODE ?? process.execPath,
    });
  }

  async function ask(args: readonly string[], timeoutMs: number): Promise<CommandResult> {
    child ??= start();
    const asked = child;
    const answered = Promise.withResolvers<CommandResult>();
    const discard = () => {
      if (child === asked) child = null;
      asked.kill("SIGKILL");
    };
    const fail = (why: string) => {
      answered.reject(new Error(`pratique ${args.join(" ")}: ${why}`));
      discard();
    };
    const onExit = () => fail("its process ended without an answer");
    asked.once("message", answered.resolve).once("exit", onExit);
    const timer = setTimeout(() => fail(`took longer than ${timeoutMs} ms`), timeoutMs);
    asked.send(args);
    try {
      const answer = await answered.promise;
      if (answer.code === EXIT.bug) discard();
      return answer;
    } finally {
      clearTimeout(timer);
      asked.off("message", answered.resolve).off("exit", onExit);
    }
  }

  return {
    isFree: () => !isBusy,
    async run(args, timeoutMs) {
      isBusy = true;
      try {
        return await ask(args, timeoutMs);
      } finally {
        isBusy = false;
      }
    },
    end: () => child?.kill("SIGKILL"),
  };
}
