import { configSchema } from "./schema.ts";
import { descriptionOf, type SchemaNode, unwrap } from "./schema-walk.ts";

/** The JSON schema of the configuration file, for editors. Loads its converter when asked. */
export async function configJsonSchema(): Promise<object> {
  const { toJsonSchema } = await import("@valibot/to-json-schema");
  const { $schema, ...schema } = toJsonSchema(configSchema, {
    typeMode: "input",
    // Checks that are code have no word in JSON schema; `config check` knows them.
    errorMode: "ignore",
  });
  describeKeys(configSchema as unknown as SchemaNode, schema as JsonNode);
  return { $schema, title: "pratique configuration", ...schema };
}

interface JsonNode {
  description?: string;
  properties?: Record<string, JsonNode>;
  additionalProperties?: JsonNode | false;
  anyOf?: JsonNode[];
  items?: JsonNode;
}

/** The converter stops at transformations, and with them go the descriptions behind them. */
function describeKeys(schema: SchemaNode, json: JsonNode): void {
  const { entries, value } = sectionOf(schema);
  for (const section of sectionsIn(json)) {
    for (const [key, next] of Object.entries(entries ?? {})) {
      const property = section.properties?.[key];
      if (property === undefined) continue;
      property.description = descriptionOf(next);
      describeKeys(next, property);
    }
    const { additionalProperties } = section;
    if (value !== undefined && additionalProperties) describeKeys(value, additionalProperties);
  }
}

/** The section of a key, also where it may be one or a list of them. */
function sectionOf(schema: SchemaNode): SchemaNode {
  const inner = unwrap(schema);
  const options = (inner.options ?? []).filter((option) => typeof option === "object");
  const section = (options as SchemaNode[]).find(({ entries }) => entries !== undefined);
  return section ?? inner;
}

function sectionsIn(json: JsonNode): JsonNode[] {
  const inside = [...(json.anyOf ?? []), ...(json.items === undefined ? [] : [json.items])];
  return [json, ...inside.flatMap(sectionsIn)];
}
