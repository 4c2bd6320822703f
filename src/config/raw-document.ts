import type { Problem } from "./problems.ts";

export interface Position {
  /** From 1, as editors count. */
  line: number;
  column: number;
}

export interface Place {
  key: Position;
  value: Position;
}

/** The file as YAML has it, before the environment is filled in. Plain data: it can be kept. */
export interface RawDocument {
  /** Null where the text is no YAML at all. */
  value: unknown;
  /** By path (`services.web.tcp[0]`); the file itself is the empty path. */
  places: Readonly<Record<string, Place>>;
  problems: readonly Problem[];
}
