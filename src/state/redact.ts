import { Secret } from "../values/secret.ts";

const HIDDEN = "[redacted]";
/** Shorter ones would redact ordinary words and digits. */
const SHORTEST_SECRET = 4;
const MAX_DEPTH = 12;
const CREDENTIAL_KEY =
  /pass(?:word|wd|phrase)?$|secret|token|credential|api[_-]?key|private[_-]?key|access[_-]?key|^auth$|authorization|cookie|^env$|^environment$/i;
/** `https://user:password@host`, `Authorization: Bearer x`, `TOKEN=x` inside a text. */
const IN_TEXT: readonly [RegExp, string][] = [
  [/([a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi, `$1${HIDDEN}@`],
  [/\b(bearer|basic)\s+[\w.~+/=-]{4,}/gi, `$1 ${HIDDEN}`],
  [
    /\b(\w*(?:password|passwd|secret|token|api_?key))(["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s,;&"']+)/gi,
    `$1$2${HIDDEN}`,
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
  for (const [pattern, replacement] of IN_TEXT) hidden = hidden.replace(pattern, replacement);
  return hidden;
}
