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
  properties?: Record<string, unknown>;
  additionalProperties?: unknown;
  anyOf?: unknown[];
}

/** The converter stops at transformations, and with them go the descriptions behind them. */
function describeKeys(schema: SchemaNode, json: JsonNode): void {
  const inner = unwrap(schema);
  const section = (json.anyOf?.[0] ?? json) as JsonNode;
  for (const [key, next] of Object.entries(inner.entries ?? {})) {
    const property = section.properties?.[key] as JsonNode | undefined;
    if (property === undefined) continue;
    property.description = descriptionOf(next);
    describeKeys(next, property);
  }
  if (inner.type === "record" && inner.value !== undefined) {
    describeKeys(inner.value, section.additionalProperties as JsonNode);
  }
}
