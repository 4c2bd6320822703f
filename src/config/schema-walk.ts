/** Looks into the schema itself: for suggestions, `config print` and the reference page. */

/** The parts of a valibot schema that are read here. */
export interface SchemaNode {
  type: string;
  entries?: Record<string, SchemaNode>;
  wrapped?: SchemaNode;
  default?: unknown;
  options?: readonly unknown[];
  item?: SchemaNode;
  key?: SchemaNode;
  value?: SchemaNode;
  pipe?: readonly { type: string; description?: string }[];
}

/** Without `nullish` around it. */
export function unwrap(schema: SchemaNode): SchemaNode {
  let inner = schema;
  while (inner.wrapped !== undefined) inner = inner.wrapped;
  return inner;
}

/** Keys that a section of the file may have; null where the path leads to no section. */
export function knownKeys(
  schema: SchemaNode,
  path: readonly (string | number)[],
): readonly string[] | null {
  const inner = unwrap(schema);
  if (inner.type === "union") {
    for (const option of inner.options ?? []) {
      const keys = knownKeys(option as SchemaNode, path);
      if (keys !== null) return keys;
    }
    return null;
  }
  const [first, ...rest] = path;
  if (first === undefined) {
    if (inner.entries !== undefined) return Object.keys(inner.entries);
    const names = inner.key === undefined ? [] : (inner.key.options ?? []);
    return names.length > 0 ? names.map(String) : null;
  }
  const next = typeof first === "number" ? inner.item : (inner.entries?.[first] ?? inner.value);
  return next === undefined ? null : knownKeys(next, rest);
}

/** The description of a key. */
export function descriptionOf(schema: SchemaNode): string {
  const inner = unwrap(schema);
  const found = [...(schema.pipe ?? []), ...(inner.pipe ?? [])].find(
    (part) => part.type === "description",
  );
  return found?.description ?? "";
}
