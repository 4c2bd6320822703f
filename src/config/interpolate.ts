/** What the environment and its secret files say: the outside world of interpolation. */
export interface InterpolationSource {
  environment: Readonly<Record<string, string | undefined>>;
  /** Throws the file system's error. */
  readFile: (path: string) => string;
}

export interface Interpolated {
  text: string;
  /** Names of the variables that were used; empty where the text holds none. */
  names: readonly string[];
  /** Why an expression could not be replaced. */
  problems: readonly string[];
}

const EXPRESSION = /\$\$\{|\$\{([^}]*)(\}?)/g;
const NAME_AND_DEFAULT = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s;

/**
 * Replaces `${NAME}` and `${NAME:-default}`; `$${` stands for a literal `${`. An empty variable
 * counts as unset for the default, as in a shell. Where NAME is unset and NAME_FILE is set, the
 * content of that file is taken without one trailing newline; both together are a problem.
 */
export function interpolate(text: string, source: InterpolationSource): Interpolated {
  const names: string[] = [];
  const problems: string[] = [];
  const replaced = text.replace(EXPRESSION, (whole, inner: string | undefined, end: string) => {
    if (whole === "$${") return "${";
    const match = end === "}" ? NAME_AND_DEFAULT.exec(inner ?? "") : null;
    if (match?.[1] === undefined) {
      problems.push(`${whole} is not \${NAME} or \${NAME:-default}; write $\${ for a literal \${`);
      return "";
    }
    names.push(match[1]);
    const found = lookUp(match[1], source);
    if (found.problem !== null) problems.push(found.problem);
    if (found.value !== null && (found.value !== "" || match[2] === undefined)) return found.value;
    if (match[2] !== undefined) return match[2];
    if (found.problem === null) problems.push(`the environment variable ${match[1]} is not set`);
    return "";
  });
  return { text: replaced, names, problems };
}

function lookUp(
  name: string,
  { environment, readFile }: InterpolationSource,
): { value: string | null; problem: string | null } {
  const value = environment[name] ?? null;
  const file = environment[`${name}_FILE`] ?? "";
  if (file === "") return { value, problem: null };
  if (value !== null && value !== "") {
    return { value, problem: `${name} and ${name}_FILE are both set; keep one of them` };
  }
  try {
    return { value: readFile(file).replace(/\r?\n$/, ""), problem: null };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { value: null, problem: `${name}_FILE cannot be read: ${why}` };
  }
}
