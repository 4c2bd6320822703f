import type * as v from "valibot";
import { nearest } from "../values/nearest.ts";
import type { ConfigDocument } from "./document.ts";
import { type ConfigPath, type Problem, pathText } from "./problems.ts";
import { knownKeys, type SchemaNode } from "./schema-walk.ts";

type Issue = v.BaseIssue<unknown>;

/** A problem with the path to its value, so that the value can be left out for the rules. */
export interface LocatedProblem extends Problem {
  /** What to leave out for the rest to be valid: the value, or the section that lacks a key. */
  wrongAt: ConfigPath;
}

/** Words the schema's issues: unknown keys with the nearest known one, all of them. */
export function schemaProblems(
  issues: readonly Issue[],
  schema: SchemaNode,
  document: ConfigDocument,
): LocatedProblem[] {
  return issues.flatMap((issue) => toProblems(issue, [], schema, document));
}

function toProblems(
  issue: Issue,
  parentPath: ConfigPath,
  schema: SchemaNode,
  document: ConfigDocument,
): LocatedProblem[] {
  const path = [...parentPath, ...(issue.path ?? []).map((item) => keyOf(item.key))];
  const last = issue.path?.at(-1);
  const at = (parts: ConfigPath, which: "key" | "value", what: string): LocatedProblem => ({
    ...document.positionOf(parts, which),
    path: pathText(parts),
    what,
    wrongAt: parts,
  });

  if (issue.type === "union") {
    // Inside the option whose shape fits, the mistakes have paths of their own.
    const inside = (issue.issues ?? []).filter(isInsideFittingShape);
    if (inside.length > 0)
      return inside.flatMap((inner) => toProblems(inner, path, schema, document));
    return [at(path, "value", unionWords(issue))];
  }
  const isKeyIssue = last?.type === "object" && last.origin === "key";
  if (issue.type === "strict_object") {
    if (!isKeyIssue) return [at(path, "value", "must be a section: keys with values")];
    const section = path.slice(0, -1);
    if (Array.isArray(last.input)) {
      return [at(section, "value", "must be a section: keys with values, no list")];
    }
    if (issue.expected !== "never") {
      return [{ ...at(path, "key", "is missing"), wrongAt: section }];
    }
    const known = knownKeys(schema, section) ?? [];
    return Object.keys(last.input as object)
      .filter((key) => !known.includes(key))
      .map((key) => at([...section, key], "key", unknownKey(key, known)));
  }
  if (issue.type === "record") return [at(path, "value", "must be a section: keys with values")];
  if (isKeyIssue && issue.type === "picklist") {
    const key = String(path.at(-1));
    return [at(path, "key", unknownKey(key, knownKeys(schema, path.slice(0, -1)) ?? []))];
  }
  return [at(path, isKeyIssue ? "key" : "value", words(issue, path, document))];
}

function isInsideFittingShape(issue: Issue): boolean {
  const last = issue.path?.at(-1);
  if (last === undefined) return false;
  return !(issue.type === "strict_object" && last.type === "object" && Array.isArray(last.input));
}

/** Our words where the union has some, else those of its first option. */
function unionWords(issue: Issue): string {
  const isGeneric = issue.message.startsWith("Invalid ");
  return isGeneric ? (issue.issues?.[0]?.message ?? issue.message) : issue.message;
}

function keyOf(key: unknown): string | number {
  return typeof key === "number" ? key : String(key);
}

function unknownKey(key: string, known: readonly string[]): string {
  const meant = nearest(key, known);
  const help = meant === null ? `known here: ${known.join(", ")}` : `did you mean ${meant}?`;
  return `unknown key; ${help}`;
}

function words(issue: Issue, path: ConfigPath, document: ConfigDocument): string {
  if (issue.type !== "picklist" || typeof issue.input !== "string") return issue.message;
  // A value from the environment may be a secret in the wrong place.
  if ((document.variablesOf(path) ?? []).length > 0) return issue.message;
  const meant = nearest(issue.input, optionsOf(issue.expected));
  return `${issue.message}, not "${issue.input}"${meant === null ? "" : `; did you mean ${meant}?`}`;
}

/** valibot lists the options of a picklist as `("a" | "b")`. */
function optionsOf(expected: string | null): string[] {
  return [...(expected ?? "").matchAll(/"([^"]+)"/g)].map((match) => match[1] ?? "");
}
