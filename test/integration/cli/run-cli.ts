/** Starts bin/pratique as an operator does, in an environment without surprises. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";

const LAUNCHER = join(import.meta.dirname, "../../../bin/pratique");

/** The compiled code and configurations of one test process, removed with it. */
const CACHE = join(tmpdir(), `pratique-cli-cache-${process.pid}`);

process.on("exit", () => rmSync(CACHE, { recursive: true, force: true }));

/** Far more than any of these commands takes; a hang must not hang the tests. */
const TIMEOUT_MS = 60_000;

export interface CliResult {
  exitCode: number | null;
  stdout: string;
  stderr: string;
}

export interface CliOptions {
  environment?: Record<string, string>;
  launcher?: readonly string[];
  workingFolder?: string;
}

export async function runCli(
  words: readonly string[],
  options: CliOptions = {},
): Promise<CliResult> {
  const [program = LAUNCHER, ...first] = options.launcher ?? [LAUNCHER];
  const child = spawn(program, [...first, ...words], {
    cwd: options.workingFolder ?? tmpdir(),
    env: {
      PATH: process.env.PATH,
      HOME: tmpdir(),
      PRATIQUE_CACHE: CACHE,
      ...options.environment,
    },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: TIMEOUT_MS,
  });
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", resolve);
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    exited,
  ]);
  return { exitCode, stdout, stderr };
}

export { LAUNCHER };

/** A configuration with a state folder of its own and no engine; removed at the end of its scope. */
export function temporaryConfig(more = ""): Disposable & { path: string; folder: string } {
  const folder = mkdtempSync(join(tmpdir(), "pratique-cli-"));
  const path = join(folder, "pratique.yaml");
  const engine = `engine: { endpoint: "unix://${folder}/none.sock" }`;
  writeFileSync(path, `host: test\nstate: ${folder}/state\n${engine}\n${more}`);
  return {
    path,
    folder,
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
