interface Field {
  path: readonly string[];
  isJson: boolean;
}

/** Literal texts, and fields between them. */
export type Template = readonly (string | Field)[];

const FIELD = /(\{\{(?:json )?\.\w+(?:\.\w+)*\}\})/;

/** The plain fields of Go's templates, `{{.State.Status}} of {{json .Name}}`; undefined where there is more. */
export function parseTemplate(formats: readonly string[]): Template | undefined {
  const [format = "", ...others] = formats;
  const parts = format.split(FIELD).map((part, index) => (index % 2 === 0 ? part : fieldOf(part)));
  const isPlain = parts.every((part) => typeof part !== "string" || !part.includes("{{"));
  return format !== "" && others.length === 0 && isPlain ? parts : undefined;
}

function fieldOf(action: string): Field {
  const path = action.slice(action.indexOf(".") + 1, -2).split(".");
  return { path, isJson: action.startsWith("{{json ") };
}

/** Undefined where a field is absent or has parts: what is printed then depends on Go's types. */
export function fillTemplate(template: Template, value: unknown): string | undefined {
  const texts = template.map((part) => (typeof part === "string" ? part : textAt(value, part)));
  return texts.includes(undefined) ? undefined : texts.join("");
}

function textAt(value: unknown, { path, isJson }: Field): string | undefined {
  let found = value;
  for (const name of path) {
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, name))
      return undefined;
    found = (found as Record<string, unknown>)[name];
  }
  if (isJson) return JSON.stringify(found);
  const isPlain = typeof found === "string" || typeof found === "boolean";
  return isPlain || Number.isSafeInteger(found) ? String(found) : undefined;
}
