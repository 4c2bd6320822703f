/** Literal texts, and paths of fields between them. */
export type Template = readonly (string | readonly string[])[];

/** The plain fields of Go's templates, `{{.State.Status}} of {{.Name}}`; undefined where there is more. */
export function parseTemplate(formats: readonly string[]): Template | undefined {
  const [format = "", ...others] = formats;
  const parts = format
    .split(/(\{\{\.\w+(?:\.\w+)*\}\})/)
    .map((part, index) => (index % 2 === 0 ? part : part.slice(3, -2).split(".")));
  const isPlain = parts.every((part) => typeof part !== "string" || !part.includes("{{"));
  return format !== "" && others.length === 0 && isPlain ? parts : undefined;
}

/** Undefined where a field is absent or has parts: what is printed then depends on Go's types. */
export function fillTemplate(template: Template, value: unknown): string | undefined {
  const texts = template.map((part) => (typeof part === "string" ? part : textAt(value, part)));
  return texts.includes(undefined) ? undefined : texts.join("");
}

function textAt(value: unknown, path: readonly string[]): string | undefined {
  let found = value;
  for (const name of path) {
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, name))
      return undefined;
    found = (found as Record<string, unknown>)[name];
  }
  const isPlain = typeof found === "string" || typeof found === "boolean";
  return isPlain || Number.isSafeInteger(found) ? String(found) : undefined;
}
