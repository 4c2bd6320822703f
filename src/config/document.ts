/** The YAML text of the configuration: values with the environment filled in, and where each is. */
import { isMap, isScalar, isSeq, LineCounter, parseDocument } from "yaml";
import { type InterpolationSource, interpolate } from "./interpolate.ts";
import { type ConfigPath, type Problem, pathText } from "./problems.ts";

/** The size of any configuration a person writes, many times over. */
const MAX_LENGTH = 1_000_000;

interface Place {
  keyOffset: number;
  valueOffset: number;
  /** Environment variables that its value was made of. */
  variables: readonly string[];
}

export interface ConfigDocument {
  /** Null where the text is no YAML at all. */
  value: unknown;
  problems: readonly Problem[];
  /** Where a key (or its value) stands; the nearest section around it where it does not exist. */
  positionOf(path: ConfigPath, which: "key" | "value"): { line: number; column: number };
  /** Variables that this value came from; null where the file does not have the key. */
  variablesOf(path: ConfigPath): readonly string[] | null;
}

/** Parses and interpolates. Problems are syntax errors and variables that cannot be replaced. */
export function readDocument(text: string, source: InterpolationSource): ConfigDocument {
  const lineCounter = new LineCounter();
  const places = new Map<string, Place>();
  const problems: Problem[] = [];

  function positionAt(offset: number) {
    const { line, col } = lineCounter.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  }

  function fillIn(node: unknown, path: ConfigPath, keyOffset: number): void {
    const valueOffset = offsetOf(node) ?? keyOffset;
    let variables: readonly string[] = [];
    if (isMap(node)) {
      for (const pair of node.items) {
        const key = isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
        fillIn(pair.value, [...path, key], offsetOf(pair.key) ?? valueOffset);
      }
    } else if (isSeq(node)) {
      node.items.forEach((item, index) => {
        fillIn(item, [...path, index], offsetOf(item) ?? valueOffset);
      });
    } else if (isScalar(node) && typeof node.value === "string" && node.value.includes("${")) {
      const done = interpolate(node.value, source);
      node.value = done.text === "" && done.names.length > 0 ? null : done.text;
      variables = done.names;
      for (const what of done.problems) {
        problems.push({ ...positionAt(valueOffset), path: pathText(path), what });
      }
    }
    places.set(pathText(path), { keyOffset, valueOffset, variables });
  }

  function positionOf(path: ConfigPath, which: "key" | "value") {
    for (let length = path.length; length >= 0; length -= 1) {
      const place = places.get(pathText(path.slice(0, length)));
      if (place === undefined) continue;
      const isExact = length === path.length && which === "value";
      return positionAt(isExact ? place.valueOffset : place.keyOffset);
    }
    return { line: 1, column: 1 };
  }

  if (text.length > MAX_LENGTH) {
    problems.push({ line: 1, column: 1, path: "", what: "is larger than one megabyte" });
    return { value: null, problems, positionOf, variablesOf: () => null };
  }
  const document = parseDocument(text, { lineCounter, prettyErrors: false });
  for (const error of tellingErrors(document.errors)) {
    const place = positionAt(error.pos[0]);
    const line = text.split("\n")[place.line - 1] ?? "";
    problems.push({ ...place, path: "", what: yamlWords(error, line) });
  }
  let value: unknown = null;
  if (document.errors.length === 0) {
    fillIn(document.contents, [], 0);
    try {
      value = document.toJS({ maxAliasCount: 100 });
    } catch (error) {
      problems.push({ line: 1, column: 1, path: "", what: String(error) });
    }
  }
  return {
    value,
    problems,
    positionOf,
    variablesOf: (path) => places.get(pathText(path))?.variables ?? null,
  };
}

function offsetOf(node: unknown): number | null {
  const range = (node as { range?: readonly number[] | null } | null)?.range;
  return range?.[0] ?? null;
}

interface SyntaxError {
  code: string;
  message: string;
  pos: readonly [number, number];
}

/** After the first real syntax error the parser is lost; repeated keys are all told. */
function tellingErrors(errors: readonly SyntaxError[]): SyntaxError[] {
  const repeated = errors.filter((error) => error.code === "DUPLICATE_KEY");
  const first = errors.find((error) => error.code !== "DUPLICATE_KEY");
  return first === undefined ? repeated : [...repeated, first];
}

function yamlWords(error: SyntaxError, line: string): string {
  if (error.code === "DUPLICATE_KEY") return "this key is there twice";
  const isUnquotedVariable = /\{.*[^"']\$\{/.test(line);
  const hint = isUnquotedVariable ? `; inside { } write "\${NAME}" in quotes` : "";
  return `is no YAML: ${error.message.split("\n")[0]}${hint}`;
}
