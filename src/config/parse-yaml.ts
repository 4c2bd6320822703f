/** YAML to values and where each of them stands. Loading the parser is half of a start's time. */
import { isMap, isScalar, isSeq, LineCounter, parseDocument } from "yaml";
import { type ConfigPath, type Problem, pathText } from "./problems.ts";
import type { Place, RawDocument } from "./raw-document.ts";

/** The size of any configuration a person writes, many times over. */
const MAX_LENGTH = 1_000_000;

/** Parses the text; environment variables are not filled in yet. */
export function parseYaml(text: string): RawDocument {
  const lineCounter = new LineCounter();
  const places: Record<string, Place> = {};
  const problems: Problem[] = [];

  function positionAt(offset: number) {
    const { line, col } = lineCounter.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  }

  function note(node: unknown, path: ConfigPath, keyOffset: number): void {
    const valueOffset = offsetOf(node) ?? keyOffset;
    places[pathText(path)] = { key: positionAt(keyOffset), value: positionAt(valueOffset) };
    if (isMap(node)) {
      for (const pair of node.items) {
        const key = isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
        note(pair.value, [...path, key], offsetOf(pair.key) ?? valueOffset);
      }
    } else if (isSeq(node)) {
      node.items.forEach((item, index) => {
        note(item, [...path, index], offsetOf(item) ?? valueOffset);
      });
    }
  }

  if (text.length > MAX_LENGTH) {
    problems.push({ line: 1, column: 1, path: "", what: "is larger than one megabyte" });
    return { value: null, places, problems };
  }
  const document = parseDocument(text, { lineCounter, prettyErrors: false });
  for (const error of tellingErrors(document.errors)) {
    const place = positionAt(error.pos[0]);
    const line = text.split("\n")[place.line - 1] ?? "";
    problems.push({ ...place, path: "", what: yamlWords(error, line) });
  }
  if (document.errors.length > 0) return { value: null, places, problems };
  note(document.contents, [], 0);
  try {
    return { value: document.toJS({ maxAliasCount: 100 }), places, problems };
  } catch (error) {
    problems.push({ line: 1, column: 1, path: "", what: String(error) });
    return { value: null, places, problems };
  }
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
