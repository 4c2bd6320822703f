/** Rules of the repository that no compiler knows. Each failure says what to do. */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import test from "node:test";
import type { CommandSpec } from "../src/cli/command.ts";
import { COMMANDS } from "../src/cli/command-table.ts";
import { loadConfig } from "../src/config/load.ts";
import { EXIT, errorCatalogue } from "../src/errors.ts";
import { presetNames } from "../src/services/catalog.ts";
import { PHASES } from "../src/update/phases.ts";

const ROOT = resolve(import.meta.dirname, "..");
const SOURCES = files("{src,test,bench}/**/*.ts");
const PAGES = ["README.md", ...files("{docs,test,examples,bench}/**/*.md")];
const SCRIPTS = files("{scripts,bin,.ci,examples}/**/*").concat(
  files("test/**/{enter,start,*.mjs}"),
);
const PURE_FILES = ["src/errors.ts", "src/ports.ts", "src/config/names.ts"];
/** Written into package-lock.json only where npm is told to; mirrors stay out of it. */
const PUBLIC_REGISTRY = "https://registry.npmjs.org/";

test("the runbook has one heading for each phase, in their order", () => {
  assert.deepEqual(
    headings("docs/runbook.md"),
    [...PHASES],
    "Write, move or rename the headings of docs/runbook.md as src/update/phases.ts has them.",
  );
});

test("docs/errors.md has every code of the catalogue with the same advice", () => {
  const page = read("docs/errors.md");
  const known = errorCatalogue();
  assert.deepEqual(
    headings("docs/errors.md"),
    [...known.keys()],
    `Add, move or remove sections of docs/errors.md. A new one ends so:\n${[...known.keys()]
      .filter((code) => !page.includes(`## ${code}\n`))
      .map(errorSection)
      .join("\n")}`,
  );
  const differing = [...known.keys()].filter((code) => !page.includes(errorAdvice(code)));
  assert.deepEqual(
    differing,
    [],
    `Copy the advice from src/errors.ts:\n${differing.map(errorSection).join("\n")}`,
  );
});

test("package-lock.json names the packages of every platform, or `npm ci` refuses it", () => {
  const { packages } = JSON.parse(read("package-lock.json")) as {
    packages: Record<string, { optionalDependencies?: Record<string, string> }>;
  };
  const wanted = Object.values(packages).flatMap((each) =>
    Object.keys(each.optionalDependencies ?? {}),
  );
  assert.ok(wanted.length > 0);
  assert.deepEqual(
    wanted.filter((name) => !Object.hasOwn(packages, `node_modules/${name}`)),
    [],
    "Make it anew in a folder that has only package.json: `npm install --package-lock-only`.",
  );
});

test("every command is in README.md or docs/", () => {
  const pages = PAGES.map(read).join("\n");
  const missing = COMMANDS.flatMap((spec) => commandNames(spec)).filter(
    (name) => !new RegExp(`(?:pratique |\`)${name}\\b`).test(pages),
  );
  assert.deepEqual(missing, [], "Add these commands to the table of README.md.");
});

test("README.md has every exit code", () => {
  const rows = [...read("README.md").matchAll(/^\| (\d+) \| (.+) \|$/gm)];
  const codes = rows.map(([, code]) => Number(code));
  assert.deepEqual(
    codes,
    Object.values(EXIT),
    "Make the table of README.md list src/errors.ts' EXIT.",
  );
});

test("nothing is left to do, to skip or to run alone", () => {
  const marks = /\b(?:TODO|FIXME|XXX)\b|\b(?:test|describe|it|suite)\.(?:only|skip|todo)\b/;
  const own = relative(ROOT, import.meta.filename);
  const left = linesWith([...SOURCES, ...PAGES, ...SCRIPTS], marks).filter(
    (line) => !line.startsWith(own),
  );
  assert.deepEqual(left, [], "Do it now, or write an issue instead.");
});

test("relative links in documents lead to files, and their anchors to headings", () => {
  const broken = PAGES.flatMap((page) =>
    linksOf(page)
      .filter((target) => !leadsSomewhere(page, target))
      .map((target) => `${page}: ${target}`),
  );
  assert.deepEqual(broken, [], "Correct these links.");
});

test("no path of somebody's machine and no private address is written down", () => {
  // amy is the example host; host.docker.internal is Docker's own name.
  const machine = /(?<![\w.])\/(?:(?:home|Users)\/(?!amy\b)|work(?:space)?\/)[\w.-]/;
  const host = /[\w-](?<!host\.docker)\.(?:internal|intranet|corp)\b/;
  const places = [...SOURCES, ...PAGES, ...SCRIPTS, "package.json", "package-lock.json"];
  const found = [machine, host].flatMap((mark) => linesWith(places, mark));
  assert.deepEqual(found, [], "Use a relative path, an example name or an environment variable.");
});

test("packages come from the public registry", () => {
  const lock = JSON.parse(read("package-lock.json")) as {
    packages: Record<string, { resolved?: string }>;
  };
  const others = Object.entries(lock.packages).filter(
    ([, { resolved }]) => resolved !== undefined && !resolved.startsWith(PUBLIC_REGISTRY),
  );
  assert.deepEqual(
    others.map(([name]) => name),
    [],
    `Let "resolved" in package-lock.json begin with ${PUBLIC_REGISTRY}; npm finds mirrors by itself.`,
  );
});

test("every service has its module, its page and its integration test", () => {
  const missing = presetNames()
    .flatMap((name) => [
      `src/services/${name}.ts`,
      `docs/services/${name}.md`,
      `test/integration/services/${name}.test.ts`,
    ])
    .filter((file) => !existsSync(join(ROOT, file)));
  assert.deepEqual(missing, [], "Add these files; src/services/ntfy.ts shows the shape.");
});

test("the example configuration of README.md is read without a problem", () => {
  const yaml = /```yaml\n([\s\S]*?)```/.exec(read("README.md"))?.[1];
  assert(yaml !== undefined, "README.md shows no configuration.");
  const result = loadConfig({
    path: "pratique.yaml",
    workingFolder: "/etc/pratique",
    environment: {},
    readFile: () => yaml,
  });
  const problems = result.ok || result.kind === "unreadable" ? [] : result.problems;
  assert.deepEqual(problems, [], "Correct the example in README.md.");
  assert(result.ok);
});

test("policies and values import nothing that could have an effect", () => {
  const impure = files("src/{policy,values}/**/*.ts")
    .filter((file) => !file.endsWith(".test.ts"))
    .flatMap((file) =>
      valueImports(read(file))
        .filter((from) => !isPure(file, from))
        .map((from) => `${file} imports ${from}`),
    );
  assert.deepEqual(
    impure,
    [],
    "Pass the fact as an argument, or move the code to src/update or an adapter (STYLE, section 4).",
  );
});

test("the longest files (for orientation only)", (context) => {
  const longest = SOURCES.map((file) => ({ file, lines: read(file).split("\n").length - 1 }))
    .toSorted((left, right) => right.lines - left.lines)
    .slice(0, 10);
  for (const { file, lines } of longest) context.diagnostic(`${lines} lines: ${file}`);
});

function files(pattern: string): string[] {
  return globSync(pattern, { cwd: ROOT })
    .filter((file) => statSync(join(ROOT, file)).isFile())
    .sort();
}

function read(file: string): string {
  return readFileSync(join(ROOT, file), "utf8");
}

/** Second-level headings. */
function headings(page: string): string[] {
  return [...read(page).matchAll(/^## (.+)$/gm)].map(([, heading = ""]) => heading);
}

function errorAdvice(code: string): string {
  const entry = errorCatalogue().get(code);
  return `- Exit code: ${entry?.exit}\n- Next: ${entry?.next}\n- State: ${entry?.stateLeft}\n`;
}

function errorSection(code: string): string {
  return `\n## ${code}\n\n(what happened, one sentence)\n\n${errorAdvice(code)}`;
}

/** `queue` has subcommands, so `queue list` and its sisters stand for it. */
function commandNames({ name, subcommands = [] }: CommandSpec): string[] {
  return subcommands.length === 0
    ? [name]
    : subcommands.flatMap(commandNames).map((inner) => `${name} ${inner}`);
}

/** `file:line: text` of the lines in which something stands. */
function linesWith(paths: readonly string[], mark: RegExp): string[] {
  return paths.flatMap((file) =>
    read(file)
      .split("\n")
      .flatMap((line, index) => (mark.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : [])),
  );
}

function linksOf(page: string): string[] {
  const withoutCode = read(page).replace(/```[\s\S]*?```/g, "");
  return [...withoutCode.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = ""]) => target)
    .filter((target) => !/^[a-z]+:/.test(target));
}

function leadsSomewhere(page: string, target: string): boolean {
  const [path = "", anchor] = target.split("#");
  const file = path === "" ? page : join(dirname(page), path);
  if (!existsSync(join(ROOT, file))) return false;
  return anchor === undefined || anchorsOf(file).includes(anchor);
}

/** As GitHub makes them of headings. */
function anchorsOf(page: string): string[] {
  return [...read(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

/** What is imported for more than its types. */
function valueImports(source: string): string[] {
  const statements = source.matchAll(/^(?:import|export)(?! type)[^;]*?from "([^"]+)"/gm);
  const dynamic = source.matchAll(/\bimport\("([^"]+)"\)/g);
  return [...statements, ...dynamic].map(([, from = ""]) => from);
}

/** Inside these folders, or one of two files that hold words and types only. */
function isPure(file: string, from: string): boolean {
  if (!from.startsWith(".")) return false;
  const target = join(dirname(file), from);
  return /^src\/(?:policy|values)\//.test(target) || PURE_FILES.includes(target);
}
