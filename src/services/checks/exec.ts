import { EXEC_TIMEOUT, isError } from "../../errors.ts";
import type { ExecResult } from "../../ports.ts";
import {
  type Check,
  type CheckContext,
  healthy,
  type Outcome,
  unhealthy,
  unknown,
} from "./check.ts";

/** The shell's and the engine's codes for "not executable" and "not found". */
const NOT_RUNNABLE: ReadonlySet<number> = new Set([126, 127]);

/** A program inside the container ends with 0. */
export function execCheck(
  context: CheckContext,
  command: readonly string[],
  isRequired: boolean,
): Check {
  const asked = `exec ${command.join(" ")}`;
  return {
    name: asked,
    isRequired,
    run: async () => {
      const result = await runInside(context, command);
      return result.kind === "lost" ? result.outcome : outcomeOfExit(asked, result.result, context);
    },
  };
}

/** Runs a program in the container; one that hangs is unhealthy, one that is missing unknown. */
export async function runInside(
  context: CheckContext,
  command: readonly string[],
  options: { user?: string; env?: readonly string[] } = {},
): Promise<{ kind: "ran"; result: ExecResult } | { kind: "lost"; outcome: Outcome }> {
  const program = command[0] ?? "";
  try {
    const { Id } = context.container;
    const { timeoutMs } = context;
    const result = await context.engine.exec(Id, command, { timeoutMs, ...options });
    if (!NOT_RUNNABLE.has(result.exitCode)) return { kind: "ran", result };
    return { kind: "lost", outcome: unknown(`the container cannot run ${program}`) };
  } catch (error) {
    if (!isError(error, EXEC_TIMEOUT)) throw error;
    const limit = `${context.timeoutMs / 1000} s`;
    return { kind: "lost", outcome: unhealthy(`${program} did not end within ${limit}`) };
  }
}

function outcomeOfExit(asked: string, result: ExecResult, { redact }: CheckContext): Outcome {
  const said = redact(lastLine(result.stderr) || lastLine(result.stdout));
  if (result.exitCode === 0) return healthy(`${asked}: exit code 0`);
  return unhealthy(`${asked}: exit code ${result.exitCode}${said === "" ? "" : `, ${said}`}`);
}

/** Where programs say why they failed. */
export function lastLine(output: string): string {
  return output.trim().split("\n").at(-1) ?? "";
}
