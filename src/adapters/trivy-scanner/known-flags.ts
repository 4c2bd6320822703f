import { constants } from "node:fs";
import { access, mkdir, readFile, realpath, rename, stat, writeFile } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";
import type { Clock, ScanFailureReason } from "../../ports.ts";
import type { ProgramResult } from "../system/run-program.ts";
import type { TrivyCommand } from "./command.ts";
import { quote } from "./explain-failure.ts";

export type FlagsResult =
  | { kind: "flags"; flags: ReadonlySet<string> }
  | { kind: "unknown"; reason: ScanFailureReason; why: string };

export interface KnownFlags {
  /** Names of the flags of `trivy image`, without dashes. */
  find(): Promise<FlagsResult>;
}

interface SavedFlags {
  binary: string;
  flags: string[];
}

const FILE_NAME = "pratique-trivy-flags.json";
/** A Trivy behind a prefix may be replaced without any sign. */
const REMOTE_LIVES_MS = 10 * 60_000;
const MAX_FLAGS = 500;

/**
 * Asks `trivy image --help` once for each binary: a packed Trivy takes seconds to start. The
 * answer is kept in a cache folder too, under the binary's path, size and time of change; that
 * of a Trivy behind a prefix is kept for ten minutes in memory only.
 */
export function createKnownFlags(deps: {
  command: TrivyCommand;
  cacheFolder: string;
  clock: Clock;
  run: (trivyArguments: readonly string[]) => Promise<ProgramResult>;
}): KnownFlags {
  const { command, clock } = deps;
  const path = join(deps.cacheFolder, FILE_NAME);
  let kept: { binary: string; untilMs: number; result: Promise<FlagsResult> } | null = null;

  async function ask(binary: string): Promise<FlagsResult> {
    const saved = command.isLocal ? await readSaved(path) : null;
    if (saved?.binary === binary) return { kind: "flags", flags: new Set(saved.flags) };
    const result = readHelp(command.program, await deps.run(["image", "--help"]));
    if (result.kind === "flags" && command.isLocal) {
      await save(deps.cacheFolder, path, { binary, flags: [...result.flags] });
    }
    return result;
  }

  return {
    async find() {
      const binary = command.isLocal ? await identify(command) : "behind a prefix";
      if (binary === null) {
        const why = `there is no program ${command.program} on PATH`;
        return { kind: "unknown", reason: "scanner-missing", why };
      }
      if (kept?.binary === binary && clock.monotonicMs() < kept.untilMs) return kept.result;
      const result = ask(binary);
      const lifeMs = command.isLocal ? Number.POSITIVE_INFINITY : REMOTE_LIVES_MS;
      kept = { binary, untilMs: clock.monotonicMs() + lifeMs, result };
      // What failed is asked again at the next scan.
      if ((await result).kind !== "flags") kept = null;
      return result;
    },
  };
}

/** Flag names in a help text: `  -f, --format string   format …`. */
export function parseHelp(help: string): string[] {
  const names = new Set<string>();
  for (const match of help.matchAll(/^\s{1,8}(?:-\w, )?--([a-z][a-z0-9-]{0,63})(?=[\s=[]|$)/gm)) {
    if (match[1] !== undefined && names.size < MAX_FLAGS) names.add(match[1]);
  }
  return [...names];
}

function readHelp(program: string, result: ProgramResult): FlagsResult {
  const unknown = (reason: ScanFailureReason, why: string) =>
    ({ kind: "unknown", reason, why }) as const;
  if (result.kind === "not-started") return unknown("scanner-missing", result.why);
  if (result.kind === "timeout") return unknown("timeout", "no answer to trivy image --help");
  const flags = result.kind === "exited" && result.exitCode === 0 ? parseHelp(result.stdout) : [];
  if (flags.length > 0) return { kind: "flags", flags: new Set(flags) };
  const how = result.kind === "exited" ? `exit code ${result.exitCode}` : result.kind;
  const said = quote(result.stderr, null) ?? "no message";
  return unknown("scanner-missing", `${program} did not answer "image --help" (${how}): ${said}`);
}

/** What changes when the program is replaced; null when it is not there. */
async function identify(command: TrivyCommand): Promise<string | null> {
  const folders = (command.environment.PATH ?? "").split(delimiter).filter((part) => part !== "");
  const isPath = isAbsolute(command.program) || command.program.includes("/");
  for (const folder of isPath ? [""] : folders) {
    const path = join(folder, command.program);
    try {
      await access(path, constants.X_OK);
      const found = await stat(path);
      if (found.isFile())
        return `${await realpath(path)} ${found.size} ${found.mtimeMs} ${found.ino}`;
    } catch {
      // Not in this folder.
    }
  }
  return null;
}

async function readSaved(path: string): Promise<SavedFlags | null> {
  try {
    const saved = JSON.parse(await readFile(path, "utf8"));
    const isUsable =
      typeof saved?.binary === "string" &&
      Array.isArray(saved.flags) &&
      saved.flags.every((flag: unknown) => typeof flag === "string");
    return isUsable ? saved : null;
  } catch {
    return null;
  }
}

/** Best effort: without the file the next process asks again. */
async function save(folder: string, path: string, saved: SavedFlags): Promise<void> {
  const draft = `${path}.${process.pid}`;
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(draft, JSON.stringify(saved), { mode: 0o600 });
    await rename(draft, path);
  } catch {
    // A full or read-only disk shows elsewhere.
  }
}
