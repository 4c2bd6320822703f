import type { SQLOutputValue } from "node:sqlite";
import type { Digest } from "../values/digest.ts";
import { parseDigest } from "../values/digest.ts";
import { invariant } from "./invariant.ts";

// Readers for columns: the schema (STRICT tables, json_valid checks) vouches for the rest.

export function textOf(value: SQLOutputValue | undefined): string {
  invariant(typeof value === "string", "column is not text");
  return value;
}

export function textOrNull(value: SQLOutputValue | undefined): string | null {
  return value === null ? null : textOf(value);
}

export function numberOf(value: SQLOutputValue | undefined): number {
  invariant(typeof value === "number", "column is not a number");
  return value;
}

export function numberOrNull(value: SQLOutputValue | undefined): number | null {
  return value === null ? null : numberOf(value);
}

export function digestOrNull(value: SQLOutputValue | undefined): Digest | null {
  return parseDigest(textOrNull(value));
}

export function digestOf(value: SQLOutputValue | undefined): Digest {
  const digest = digestOrNull(value);
  invariant(digest !== null, "column is not a digest");
  return digest;
}

/** A column that this program wrote as JSON of this shape. */
export function jsonOf<Shape>(value: SQLOutputValue | undefined): Shape {
  return JSON.parse(textOf(value)) as Shape;
}

export function jsonOrNull<Shape>(value: SQLOutputValue | undefined): Shape | null {
  return value === null ? null : jsonOf<Shape>(value);
}
