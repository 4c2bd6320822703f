/** docs/configuration.md lists every key, made from the schema. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { configSchema } from "../src/config/schema.ts";
import { descriptionOf, kindOf, type SchemaNode, unwrap } from "../src/config/schema-walk.ts";

const PAGE = join(import.meta.dirname, "../docs/configuration.md");
const BEGIN = "<!-- keys: made from the schema -->\n";
const END = "<!-- end of keys -->\n";

interface Row {
  key: string;
  kind: string;
  preset: string;
  description: string;
}

interface Section {
  path: string;
  description: string;
  rows: Row[];
}

/** Sections in the order of the schema; those inside others have a table of their own. */
function sectionsOf(schema: SchemaNode, path: string, description: string): Section[] {
  const inner = unwrap(schema);
  const inside: Section[] = [];
  const rows = Object.entries(inner.entries ?? {}).flatMap(([key, next]): Row[] => {
    const nextPath = path === "" ? key : `${path}.${key}`;
    const below = sectionBelow(next);
    if (below === null) return [row(key, next)];
    const suffix = unwrap(next).type === "record" ? ".<name>" : "";
    inside.push(...sectionsOf(below, `${nextPath}${suffix}`, descriptionOf(next)));
    return [];
  });
  return [...(rows.length === 0 ? [] : [{ path, description, rows }]), ...inside];
}

/** The section that a key holds, also where it may hold one or a list of them. */
function sectionBelow(schema: SchemaNode): SchemaNode | null {
  const inner = unwrap(schema);
  if (inner.entries !== undefined) return inner;
  if (inner.type === "record" && inner.value !== undefined) {
    return unwrap(inner.value).entries === undefined ? null : inner.value;
  }
  if (inner.type !== "union") return null;
  const options = (inner.options ?? []) as SchemaNode[];
  return options.find(({ entries }) => entries !== undefined) ?? null;
}

function row(key: string, schema: SchemaNode): Row {
  return {
    key: `\`${key}\``,
    kind: kindOf(schema),
    preset: presetOf(schema),
    description: descriptionOf(schema),
  };
}

function presetOf({ type, default: preset }: SchemaNode): string {
  if (type !== "nullish") return "required";
  if (preset === null || preset === undefined) return "–";
  return `\`${typeof preset === "string" ? preset : JSON.stringify(preset)}\``;
}

const HEADERS = ["key", "value", "default", "meaning"];

function tableOf({ path, description, rows }: Section): string[] {
  const cells = rows.map(({ key, kind, preset, description: meaning }) =>
    [key, kind, preset, meaning].map((text) => text.replace(/\|/g, "\\|")),
  );
  const widths = HEADERS.map((header, column) =>
    Math.max(header.length, ...cells.map((line) => line[column]?.length ?? 0)),
  );
  const line = (texts: readonly string[]) =>
    `| ${texts.map((text, column) => text.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  return [
    path === "" ? "### The file itself" : `### ${path}`,
    "",
    ...(description === "" ? [] : [description, ""]),
    line(HEADERS),
    line(widths.map((width) => "-".repeat(width))),
    ...cells.map(line),
    "",
  ];
}

test("docs/configuration.md has every key with its default and meaning", () => {
  const schema = configSchema as unknown as SchemaNode;
  const keys = sectionsOf(schema, "", "").flatMap(tableOf).join("\n");
  const page = readFileSync(PAGE, "utf8");
  const [before = "", rest = ""] = page.split(BEGIN);
  const [written = "", after = ""] = rest.split(END);
  const made = `\n${keys}\n`;
  if (process.env.WRITE_DOCS === "1") {
    writeFileSync(PAGE, `${before}${BEGIN}${made}${END}${after}`);
    return;
  }
  const advice = "Run: WRITE_DOCS=1 node --test test/configuration-page.test.ts";
  assert.equal(written, made, advice);
});
