/** Looks into the schema itself: for suggestions, `config print` and the reference page. */

/** The parts of a valibot schema that are read here. */
export interface SchemaNode {
  type: string;
  entries?: Record<string, SchemaNode>;
  wrapped?: SchemaNode;
  default?: unknown;
  options?: readonly unknown[];
  literal?: unknown;
  item?: SchemaNode;
  key?: SchemaNode;
  value?: SchemaNode;
  pipe?: readonly PipePart[];
}

interface PipePart extends Partial<SchemaNode> {
  description?: string;
  title?: string;
  metadata?: { writeOnly?: boolean };
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
  return (
    partsOf(unwrap(schema)).find(({ description }) => description !== undefined)?.description ?? ""
  );
}

/** What kind of value a key takes: `duration`, `list of container names`, `block`, `warn`. */
export function kindOf(schema: SchemaNode): string {
  const inner = unwrap(schema);
  const title = partsOf(inner).findLast((part) => part.title !== undefined)?.title;
  if (title !== undefined) return title;
  if (inner.entries !== undefined || inner.type === "record") return "section";
  if (inner.type === "array" && inner.item !== undefined) return `list of ${kindOf(inner.item)}`;
  if (inner.type === "union") {
    const kinds = (inner.options ?? []).map((option) => kindOf(option as SchemaNode));
    return [...new Set(kinds)].join(" or ");
  }
  if (inner.type === "picklist")
    return (inner.options ?? []).map((word) => `\`${word}\``).join(", ");
  if (inner.type === "literal") return `\`${inner.literal}\``;
  return inner.type === "boolean" ? "true or false" : inner.type;
}

/** Whether a key's value must never be shown. */
export function isSecret(schema: SchemaNode): boolean {
  return partsOf(unwrap(schema)).some(({ metadata }) => metadata?.writeOnly === true);
}

/** Every action of a pipe, those of pipes inside it too. */
function partsOf(schema: PipePart): PipePart[] {
  return (schema.pipe ?? []).flatMap((part) => (part === schema ? [] : [part, ...partsOf(part)]));
}
