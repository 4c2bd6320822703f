import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../ports.ts";
import type { Secret } from "../../values/secret.ts";
import type { ProgramOptions, ProgramResult } from "../system/run-program.ts";
import { runProgram } from "../system/run-program.ts";
import { prepareCommand } from "./command.ts";
import type { FlagsResult } from "./known-flags.ts";
import { createKnownFlags } from "./known-flags.ts";
import { readVersion, type VersionAnswer } from "./server.ts";

/** The Trivy program, wherever its command starts it. */
export interface TrivyProgram {
  /** False where a prefix starts it elsewhere, and our paths mean nothing to it. */
  readonly isLocal: boolean;
  /** Its `--cache-dir`; null where it keeps its own. */
  readonly cacheFolder: string | null;
  run(trivyArguments: readonly string[], options?: Partial<ProgramOptions>): Promise<ProgramResult>;
  /** What `trivy image` understands. */
  flags(): Promise<FlagsResult>;
  /** `trivy version`: its own version and database. The result where it failed. */
  version(): Promise<VersionAnswer | { kind: "failed"; result: ProgramResult }>;
  /** Of the database in its cache; cheaper than `version` where that folder is ours. */
  databaseVersion(): Promise<VersionAnswer>;
}

const MAX_MESSAGE_BYTES = 64 * 1024;
const SHORT_CALL_MS = 60_000;

export function createTrivyProgram(options: {
  command: readonly string[];
  token: Secret | null;
  cacheFolder: string;
  dockerConfigFolder: string | null;
  clock: Clock;
  environment?: NodeJS.ProcessEnv | undefined;
}): TrivyProgram {
  const environment = options.environment ?? process.env;
  const command = prepareCommand({ ...options, environment });
  const cacheFolder = command.isLocal ? options.cacheFolder : null;

  const run: TrivyProgram["run"] = (trivyArguments, programOptions = {}) =>
    runProgram(command.program, [...command.leading, ...trivyArguments], {
      timeoutMs: SHORT_CALL_MS,
      maxOutputBytes: MAX_MESSAGE_BYTES,
      ...programOptions,
      environment: { ...command.environment, ...programOptions.environment },
    });
  // Beside what else is kept between starts (bin/pratique names the folder), whatever the state is.
  const flagsFolder = environment.PRATIQUE_CACHE || options.cacheFolder;
  const knownFlags = createKnownFlags({ ...options, cacheFolder: flagsFolder, command, run });

  async function version(): ReturnType<TrivyProgram["version"]> {
    const cache = cacheFolder === null ? [] : ["--cache-dir", cacheFolder];
    const result = await run(["version", "--format", "json", ...cache]);
    const hasAnswered = result.kind === "exited" && result.exitCode === 0;
    return hasAnswered ? readVersion(result.stdout) : { kind: "failed", result };
  }

  return {
    isLocal: command.isLocal,
    cacheFolder,
    run,
    flags: () => knownFlags.find(),
    version,
    async databaseVersion() {
      if (cacheFolder !== null) {
        const path = join(cacheFolder, "db", "metadata.json");
        const text = await readFile(path, "utf8").catch(() => "null");
        return readVersion(`{"VulnerabilityDB":${text}}`);
      }
      const found = await version();
      return "kind" in found ? { version: null, databaseUpdatedAtMs: null } : found;
    },
  };
}
