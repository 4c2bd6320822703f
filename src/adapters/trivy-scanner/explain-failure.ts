import type { ScanFailure } from "../../ports.ts";
import { formatDuration } from "../../values/duration.ts";
import type { Secret } from "../../values/secret.ts";
import type { ProgramResult } from "../system/run-program.ts";
import { unknown } from "./database-age.ts";
import type { TrivyServer } from "./server.ts";

const MAX_LINES = 3;
const MAX_TEXT = 600;
/** What `docker exec` and shells answer when the program or the container is not there. */
const NOT_RUN = new Set([125, 126, 127]);
const OUT_OF_MEMORY = 137;

/**
 * Why a call of Trivy failed. Every failure has exit code 1 and old versions print nothing, so
 * the cause is found by asking the server; what was printed is only quoted.
 */
export async function explainFailure(
  result: ProgramResult,
  context: {
    timeoutMs: number;
    token: Secret | null;
    server: TrivyServer | null;
    isLocal: boolean;
  },
): Promise<ScanFailure> {
  const timeout = unknown("timeout", `no result within ${formatDuration(context.timeoutMs)}`);
  switch (result.kind) {
    case "not-started":
      return unknown("scanner-missing", `the scanner cannot be started: ${result.why}`);
    case "timeout":
      return timeout;
    case "output-refused":
      return unknown("report-unreadable", `the report was not taken: ${result.why}`);
    case "aborted":
      return unknown("failed", "the scan was stopped");
    case "killed":
      return unknown("failed", `the scanner was ended by ${result.signal} (out of memory?)`);
  }
  const said = quote(result.stderr, context.token);
  const how = `the scanner ended with exit code ${result.exitCode}`;
  if (!context.isLocal && NOT_RUN.has(result.exitCode)) {
    return unknown("scanner-missing", `${how}: ${said ?? "no message"}`);
  }
  if (result.exitCode === OUT_OF_MEMORY) return unknown("failed", `${how}: out of memory?`);
  if (result.durationMs >= context.timeoutMs) return timeout;
  if (context.server === null) return unknown("failed", `${how}: ${said ?? "no message"}`);
  const unhealthy = await context.server.whyUnhealthy();
  if (unhealthy !== null) return unknown("scanner-unreachable", unhealthy);
  if ((await context.server.acceptsToken()) === false) {
    return unknown("scanner-token", "the scanner's server refuses our token");
  }
  const unexplained = "no message; the server answers and accepts our token";
  return unknown("failed", `${how}: ${said ?? unexplained}`);
}

/** The last lines of standard error as one, without the token; null when there are none. */
export function quote(stderr: string, token: Secret | null): string | null {
  const secret = token?.reveal() ?? "";
  const shown = secret === "" ? stderr : stderr.replaceAll(secret, String(token));
  const lines = shown
    .split("\n")
    .map((line) => line.replace(/[\p{Cc}\p{Cf}]+/gu, " ").trim())
    .filter((line) => line !== "");
  const text = lines.slice(-MAX_LINES).join(" | ");
  return text === "" ? null : text.slice(-MAX_TEXT);
}
