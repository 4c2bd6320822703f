const MAX_LINES = 3;
const MAX_LENGTH = 600;
const PROGRESS = /^(?:DRY-RUN MODE -\s+)?(?:Container|Network|Volume|Image)\s+\S+\s+\w+$/;
const REMARK = /^time="[^"]*" level=(?:warning|info|debug) /;

/** How docker's own client, which compose is built on, says that the engine went away. */
const ENGINE_LOST =
  /^(?:Cannot connect to the Docker daemon|error during connect)|(?:\bEOF|connection reset by peer|broken pipe)$/i;
/** Whatever follows, the engine was there to say it. */
const ENGINE_ANSWERED = /^Error response from daemon: /;

/** Messages that name things but never quote what stands in the files. */
const SAFE = [
  /^Error response from daemon: /,
  /^(?:Cannot connect to the Docker daemon|error during connect)/i,
  /^no such service: /,
  /^(?:open|stat|lstat|read|chdir|mkdir) \S+: [\w -]+$/,
  /^(?:couldn't find env file: |env file \S+ not found)/i,
  /^(?:dependency failed to start: |container \S+ (?:is unhealthy|exited))/,
  /^(?:network|volume) \S+ declared as external, but could not be found/,
  /^service "[^"]+" (?:depends on|refers to) undefined \w+ /,
  /^no configuration file provided/,
  /^unknown (?:flag|shorthand flag|command|docker command)/,
];
/** Where a complaint about the files says what it is about; values follow after it. */
const PLACE =
  /^(?:.*?\b(?:services|networks|volumes|configs|secrets)(?:\.[\w-]+|\[\d+\]|\.\[\d+\])+|.*?\bline \d+|validating \S+\.ya?ml|failed to (?:read|parse) \S+?(?=:?\s))/;
const UNQUOTED =
  "compose refuses its files; `docker compose config --quiet` in their folder says why";

/**
 * The last lines of a failed program that say something. Complaints about the files quote them,
 * also without quotation marks, and a value may be a secret (I12): of those only the place is kept.
 */
export function failureText(output: string): string {
  const lines = messagesIn(output);
  const telling = lines.filter((line) => !PROGRESS.test(line));
  const words = (telling.length > 0 ? telling : lines).map(withoutContent);
  return [...new Set(words)].slice(-MAX_LINES).join("; ").slice(0, MAX_LENGTH);
}

/**
 * Whether a failed program lost its connection to the engine. Its exit code is the same for every
 * failure; only its words tell.
 */
export function isEngineLost(output: string): boolean {
  return messagesIn(output).some((line) => ENGINE_LOST.test(line) && !ENGINE_ANSWERED.test(line));
}

function messagesIn(output: string): string[] {
  return output
    .split("\n")
    .map((line) => messageIn(line.trim()))
    .filter((line) => line !== "" && !REMARK.test(line));
}

/** With `--progress json` errors are JSON lines too; everything else there is no error. */
function messageIn(line: string): string {
  if (!line.startsWith("{")) return line;
  try {
    const parsed: unknown = JSON.parse(line);
    if (typeof parsed !== "object" || parsed === null) return "";
    const { error, message } = parsed as { error?: unknown; message?: unknown };
    return error === true && typeof message === "string" ? message.trim() : "";
  } catch {
    return line;
  }
}

/** One line of a program's output as it may be shown. */
export function withoutContent(line: string): string {
  if (PROGRESS.test(line) || SAFE.some((pattern) => pattern.test(line))) return line;
  const place = PLACE.exec(line)?.[0];
  return place === undefined ? UNQUOTED : `${place} …`;
}
