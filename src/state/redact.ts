import { Secret } from "../values/secret.ts";

const HIDDEN = "[redacted]";
/** Shorter ones would redact ordinary words and digits. */
const SHORTEST_SECRET = 4;
const MAX_DEPTH = 12;
const CREDENTIAL_KEY =
  /pass(?:word|wd|phrase)?$|secret|token|credential|api[_-]?key|private[_-]?key|access[_-]?key|^auth$|authorization|cookie|^env$|^environment$/i;
/** Longer texts are cut: nobody reads more in a log line. */
const LONGEST_TEXT = 64 * 1024;
/**
 * `https://user:password@host`, `Authorization: Bearer x`, `TOKEN=x` inside a text. Every
 * repetition is bounded, so that no text takes quadratic time.
 */
const IN_TEXT: readonly [RegExp, string][] = [
  [/([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/@]{1,512}@/gi, `$1${HIDDEN}@`],
  [/\b(bearer|basic)\s{1,8}[\w.~+/=-]{4,2048}/gi, `$1 ${HIDDEN}`],
  [
    /((?:password|passwd|secret|token|api_?key)["']?\s{0,8}[=:]\s{0,8})("[^"]{0,2048}"|'[^']{0,2048}'|[^\s,;&"']{1,2048})/gi,
    `$1${HIDDEN}`,
  ],
];

/**
 * A copy fit for logs: values of `Secret`, of keys that look like credentials, known secret texts,
 * and credentials inside URLs and command lines are replaced by `[redacted]`.
 */
export function redact(value: unknown, secrets: ReadonlySet<string> = new Set()): unknown {
  const known = [...secrets].filter((secret) => secret.length >= SHORTEST_SECRET);
  // Longest first: a secret that contains another is hidden whole.
  known.sort((left, right) => right.length - left.length);
  return hide(value, known, 0);
}

/** `redact` for a text. */
export function redactText(text: string, secrets: ReadonlySet<string> = new Set()): string {
  return String(redact(text, secrets));
}

function hide(value: unknown, secrets: readonly string[], depth: number): unknown {
  if (typeof value === "string") return hideInText(value, secrets);
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Secret || depth >= MAX_DEPTH) return HIDDEN;
  if (value instanceof Error) {
    return { name: value.name, message: hideInText(value.message, secrets) };
  }
  if (Array.isArray(value)) return value.map((item) => hide(item, secrets, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      hideInText(key, secrets),
      isCredential(key, item) ? HIDDEN : hide(item, secrets, depth + 1),
    ]),
  );
}

/** Numbers and flags are no credentials (`tokenCount: 3`, `hasPassword: true`). */
function isCredential(key: string, value: unknown): boolean {
  return CREDENTIAL_KEY.test(key) && value !== null && !/number|boolean/.test(typeof value);
}

function hideInText(text: string, secrets: readonly string[]): string {
  let hidden = text;
  for (const secret of secrets) hidden = hidden.replaceAll(secret, HIDDEN);
  if (hidden.length > LONGEST_TEXT) hidden = `${hidden.slice(0, LONGEST_TEXT)}…`;
  for (const [pattern, replacement] of IN_TEXT) hidden = hidden.replace(pattern, replacement);
  return hidden;
}
