/** What is wrong with a configuration file, and where. */
export type ConfigPath = readonly (string | number)[];

export interface Problem {
  /** From 1, as editors count. */
  line: number;
  column: number;
  /** `services.pihole.timeout`; empty for the file as a whole. */
  path: string;
  what: string;
}

/** `services.postgres.databases[1]`. */
export function pathText(path: ConfigPath): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === "number") return `${text}[${part}]`;
    return text === "" ? part : `${text}.${part}`;
  }, "");
}

/** `/etc/pratique/pratique.yaml:12:3 gate.mode: must be strict or no-new-risk`. */
export function formatProblem(file: string, problem: Problem): string {
  const subject = problem.path === "" ? "the file" : problem.path;
  return `${file}:${problem.line}:${problem.column} ${subject}: ${problem.what}`;
}

/** By place, without repetitions. */
export function inOrder(problems: readonly Problem[]): Problem[] {
  const distinct = new Map<string, Problem>();
  for (const problem of problems) {
    distinct.set(`${problem.line}:${problem.column}:${problem.path}:${problem.what}`, problem);
  }
  return [...distinct.values()].sort(
    (left, right) => left.line - right.line || left.column - right.column,
  );
}
