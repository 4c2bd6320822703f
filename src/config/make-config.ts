/** From a parsed file to a `Config`, or to everything that is wrong with it. */
import { dirname, resolve } from "node:path";
import * as v from "valibot";
import type { Config } from "./config.ts";
import { type ConfigDocument, fillIn } from "./document.ts";
import type { LoadRequest, LoadResult, Origin } from "./load-types.ts";
import { normalise } from "./normalise.ts";
import { type ConfigPath, inOrder, type Problem, pathText } from "./problems.ts";
import type { RawDocument } from "./raw-document.ts";
import { ruleProblems } from "./rules.ts";
import { configSchema, type ParsedConfig } from "./schema.ts";
import { type LocatedProblem, schemaProblems } from "./schema-problems.ts";
import type { SchemaNode } from "./schema-walk.ts";
import { containerName, endpoint } from "./values.ts";

/** Fills in the environment, checks shapes, completes, applies the rules: all problems at once. */
export function makeConfig(file: string, raw: RawDocument, request: LoadRequest): LoadResult {
  const document = fillIn(raw, request);
  if (document.value === null) {
    const empty = { line: 1, column: 1, path: "", what: "is empty; it must at least say host:" };
    const problems = document.problems.length > 0 ? document.problems : [empty];
    return { ok: false, kind: "invalid", file, problems: inOrder(problems) };
  }
  const checked = check(document, file, request);
  const problems = inOrder([...document.problems, ...checked.problems]);
  if (problems.length > 0 || checked.config === null) {
    return { ok: false, kind: "invalid", file, problems };
  }
  const originOf = (path: ConfigPath) => findOrigin(path, document, request);
  return { ok: true, config: checked.config, file, originOf, value: document.value };
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

interface Checked {
  /** Null where the values that are wrong leave nothing to work with. */
  config: Config | null;
  problems: readonly Problem[];
}

function check(document: ConfigDocument, file: string, request: LoadRequest): Checked {
  const first = parse(document.value);
  const problems: Problem[] = first.problems(document);
  const parsed = first.parsed ?? parseWhatIsRight(document);
  if (parsed === null) return { config: null, problems };
  const critical = readCritical(parsed.critical, dirname(file), request);
  if (critical.problem !== null) {
    const position = document.positionOf(["critical"], "value");
    problems.push({ ...position, path: "critical", what: critical.problem });
  }
  problems.push(...endpointProblems(parsed, document, request));
  const context = { file, environment: request.environment, critical: critical.names };
  const config = normalise(parsed, context);
  for (const { path, what } of ruleProblems(config)) {
    problems.push({ ...document.positionOf(path, "value"), path: pathText(path), what });
  }
  return { config, problems };
}

interface Parsed {
  parsed: ParsedConfig | null;
  problems(document: ConfigDocument): LocatedProblem[];
}

function parse(value: unknown): Parsed {
  const result = v.safeParse(configSchema, value, { abortPipeEarly: true });
  if (result.success) return { parsed: result.output, problems: () => [] };
  const { issues } = result;
  const schema = configSchema as unknown as SchemaNode;
  return { parsed: null, problems: (document) => schemaProblems(issues, schema, document) };
}

/** A section that loses a required key goes too, so leaving out takes a pass for each level. */
const MAX_PASSES = 5;

/** What the schema accepts of a file with mistakes: the rules' problems come in the same go. */
function parseWhatIsRight(document: ConfigDocument): ParsedConfig | null {
  let value: unknown = document.value;
  for (let pass = 0; pass < MAX_PASSES; pass += 1) {
    const { parsed, problems } = parse(value);
    if (parsed !== null) return parsed;
    for (const { wrongAt } of problems(document)) value = without(value, wrongAt);
    value = { host: "host", ...(value as object) };
  }
  return null;
}

/** A copy without the value at a path; a list with a wrong item is left out as a whole. */
function without(value: unknown, path: ConfigPath): unknown {
  const [first, ...rest] = path;
  if (typeof value !== "object" || value === null || Array.isArray(value)) return {};
  if (first === undefined || !(first in value)) return value;
  const keepsSection = rest.length > 0 && typeof rest[0] === "string";
  const entries = Object.entries(value).flatMap(([key, inner]) => {
    if (key !== first) return [[key, inner] as const];
    return keepsSection ? [[key, without(inner, rest)] as const] : [];
  });
  return Object.fromEntries(entries);
}

/** The default endpoint comes from the environment, so the schema has not seen it. */
function endpointProblems(
  parsed: ParsedConfig,
  document: ConfigDocument,
  { environment }: LoadRequest,
): Problem[] {
  const host = environment.DOCKER_HOST ?? "";
  if (parsed.engine.endpoint !== null || host === "") return [];
  const result = v.safeParse(endpoint, host);
  if (result.success) return [];
  const path = ["engine", "endpoint"];
  const what = `$DOCKER_HOST ${result.issues[0].message}`;
  return [{ ...document.positionOf(path, "key"), path: pathText(path), what }];
}

function readCritical(
  critical: ParsedConfig["critical"],
  folder: string,
  { readFile }: LoadRequest,
): { names: readonly string[]; problem: string | null } {
  if (typeof critical !== "string") return { names: critical, problem: null };
  const path = resolve(folder, critical);
  try {
    const content: unknown = JSON.parse(readFile(path));
    const result = v.safeParse(v.array(containerName), content);
    if (result.success) return { names: result.output, problem: null };
    return { names: [], problem: `${path} is no JSON list of container names` };
  } catch (error) {
    const isAbsent = (error as NodeJS.ErrnoException).code === "ENOENT";
    return {
      names: [],
      problem: isAbsent ? `there is no file ${path}` : `${path} cannot be read: ${reason(error)}`,
    };
  }
}

const FROM_ENVIRONMENT: Readonly<Record<string, string>> = {
  "engine.endpoint": "DOCKER_HOST",
  "engine.tls": "DOCKER_TLS_VERIFY",
  "schedule.timezone": "TZ",
};

function findOrigin(
  path: ConfigPath,
  document: ConfigDocument,
  { environment }: LoadRequest,
): Origin {
  const names = document.variablesOf(path);
  const { line } = document.positionOf(path, "key");
  if (names !== null) {
    return names.length > 0 ? { kind: "environment", line, names } : { kind: "file", line };
  }
  const variable = FROM_ENVIRONMENT[pathText(path)];
  if (variable !== undefined && (environment[variable] ?? "") !== "") {
    return { kind: "environment", line: null, names: [variable] };
  }
  return { kind: "default" };
}
