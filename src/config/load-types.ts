/** What loading the configuration needs and gives. */
import type { Config } from "./config.ts";
import type { InterpolationSource } from "./interpolate.ts";
import type { ConfigPath, Problem } from "./problems.ts";

export interface LoadRequest extends InterpolationSource {
  /** From `--config`. */
  path?: string | undefined;
  /** Folder in which relative paths of the command line start. */
  workingFolder: string;
}

/** Where an effective value comes from. */
export type Origin =
  | { kind: "file"; line: number }
  | { kind: "environment"; line: number | null; names: readonly string[] }
  | { kind: "default" };

export interface LoadedConfig {
  ok: true;
  config: Config;
  /** Absolute path. */
  file: string;
  /** Of a key as the file has it: `["services", "pihole", "timeout"]`. */
  originOf(path: ConfigPath): Origin;
  /** The file's values with the environment filled in; secrets are in clear: never print it. */
  value: unknown;
}

export type LoadResult =
  | LoadedConfig
  /** No file, or one that cannot be read. */
  | { ok: false; kind: "unreadable"; file: string; why: string }
  | { ok: false; kind: "invalid"; file: string; problems: readonly Problem[] };
