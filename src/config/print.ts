/** The effective configuration for people: every key with its value and where that comes from. */
import type { Config } from "./config.ts";
import type { LoadedConfig, Origin } from "./load-types.ts";
import { type ConfigPath, pathText } from "./problems.ts";
import { configSchema } from "./schema.ts";
import { isSecret, type SchemaNode, unwrap } from "./schema-walk.ts";

export interface Setting {
  path: ConfigPath;
  /** As the file would have it; `[redacted]` for a secret that is set. */
  value: unknown;
  origin: Origin;
}

/** Every setting in the order of the schema; of services only what the file says. */
export function printableConfig(loaded: LoadedConfig): Setting[] {
  return settingsOf(configSchema as unknown as SchemaNode, loaded.value, [], loaded);
}

function settingsOf(
  schema: SchemaNode,
  value: unknown,
  path: ConfigPath,
  loaded: LoadedConfig,
): Setting[] {
  const inner = unwrap(schema);
  const isSection = typeof value === "object" && value !== null && !Array.isArray(value);
  if (inner.entries !== undefined && (isSection || typeof schema.default === "object")) {
    const section = isSection ? (value as Record<string, unknown>) : schema.default;
    if (section !== null && section !== undefined) {
      return Object.entries(inner.entries).flatMap(([key, next]) =>
        settingsOf(next, (section as Record<string, unknown>)[key], [...path, key], loaded),
      );
    }
  }
  if (inner.type === "record" && isSection) {
    const item = inner.value;
    return Object.entries(value).flatMap(([key, next]) =>
      item === undefined ? [] : givenOnly(settingsOf(item, next ?? {}, [...path, key], loaded)),
    );
  }
  const origin = loaded.originOf(path);
  const isGiven = value !== undefined && value !== null;
  if (isGiven) return [{ path, value: isSecret(schema) ? "[redacted]" : value, origin }];
  return [{ path, value: derived(path, loaded.config) ?? schema.default ?? null, origin }];
}

/** Defaults of services would bury what is said about them; `explain` shows those. */
function givenOnly(settings: readonly Setting[]): Setting[] {
  return settings.filter(({ origin }) => origin.kind !== "default");
}

/** Values that come from the environment when the file has none. */
function derived(path: ConfigPath, config: Config): unknown {
  if (pathText(path) === "engine.endpoint") return config.engine.endpoint;
  if (pathText(path) === "engine.tls") return config.engine.tls;
  if (pathText(path) === "schedule.timezone") return config.schedule.timezone;
  return undefined;
}

/** As YAML, with the origin of each value as a comment. */
export function printConfigLines(file: string, settings: readonly Setting[]): string[] {
  const lines = [`# ${file}`];
  let section: ConfigPath = [];
  for (const { path, value, origin } of settings) {
    const parents = path.slice(0, -1);
    for (let depth = 0; depth < parents.length; depth += 1) {
      const isOpen = parents.slice(0, depth + 1).every((key, index) => section[index] === key);
      if (!isOpen) lines.push(`${"  ".repeat(depth)}${parents[depth]}:`);
    }
    section = path;
    const indent = "  ".repeat(parents.length);
    lines.push(`${indent}${path.at(-1)}: ${yamlText(value)}  # ${originText(origin)}`);
  }
  return lines;
}

/** Where a value comes from: `line 12`, `$NTFY_TOKEN`, `default`. */
export function originText(origin: Origin): string {
  if (origin.kind === "default") return "default";
  if (origin.kind === "file") return `line ${origin.line}`;
  const names = origin.names.map((name) => `$${name}`).join(", ");
  return origin.line === null ? names : `line ${origin.line}, ${names}`;
}

/** Words that YAML would not take for text. */
const SPECIAL = /^(?:true|false|null|yes|no|on|off|~|[-+.\d].*)$/i;

function yamlText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(yamlText).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    const pairs = Object.entries(value).map(([key, inner]) => `${key}: ${yamlText(inner)}`);
    return pairs.length === 0 ? "{}" : `{ ${pairs.join(", ")} }`;
  }
  if (typeof value !== "string") return String(value);
  const isPlain = /^[\w./@-]+(?::[\w./@-]+)*$/.test(value) && !SPECIAL.test(value);
  return isPlain || /^\d+[a-z]+$/.test(value) ? value : JSON.stringify(value);
}
