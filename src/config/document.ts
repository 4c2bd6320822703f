/** The configuration with the environment filled in, and where each value is. */
import { type InterpolationSource, interpolate } from "./interpolate.ts";
import { type ConfigPath, type Problem, pathText } from "./problems.ts";
import type { Position, RawDocument } from "./raw-document.ts";

export interface ConfigDocument {
  /** Null where the text is no YAML at all. */
  value: unknown;
  problems: readonly Problem[];
  /** Where a key (or its value) stands; the nearest section around it where it does not exist. */
  positionOf(path: ConfigPath, which: "key" | "value"): Position;
  /** Variables that this value came from; null where the file does not have the key. */
  variablesOf(path: ConfigPath): readonly string[] | null;
}

/** Fills the environment in. Problems are those of the YAML and variables that are not there. */
export function fillIn(raw: RawDocument, source: InterpolationSource): ConfigDocument {
  const variables = new Map<string, readonly string[]>();
  const problems: Problem[] = [...raw.problems];

  function filled(value: unknown, path: ConfigPath): unknown {
    if (Array.isArray(value)) return value.map((item, index) => filled(item, [...path, index]));
    if (typeof value === "object" && value !== null) {
      return Object.fromEntries(
        Object.entries(value).map(([key, inner]) => [key, filled(inner, [...path, key])]),
      );
    }
    if (typeof value !== "string" || !value.includes("${")) return value;
    const done = interpolate(value, source);
    variables.set(pathText(path), done.names);
    for (const what of done.problems) {
      problems.push({ ...positionOf(path, "value"), path: pathText(path), what });
    }
    return done.text === "" && done.names.length > 0 ? null : done.text;
  }

  function positionOf(path: ConfigPath, which: "key" | "value"): Position {
    for (let length = path.length; length >= 0; length -= 1) {
      const place = raw.places[pathText(path.slice(0, length))];
      if (place === undefined) continue;
      return length === path.length && which === "value" ? place.value : place.key;
    }
    return { line: 1, column: 1 };
  }

  return {
    value: filled(raw.value, []),
    problems,
    positionOf,
    variablesOf: (path) => {
      const key = pathText(path);
      return key in raw.places ? (variables.get(key) ?? []) : null;
    },
  };
}
