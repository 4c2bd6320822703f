/** Text from outside (log lines, answers, program output) made fit for a report (I12, I13). */
import type { ContainerInspect } from "../ports.ts";

/** Shorter values are ordinary words and would blank out half a log. */
const MIN_SECRET_LENGTH = 6;
const HARMLESS_NAMES =
  /^(PATH|HOME|HOSTNAME|TERM|TZ|LANG|LANGUAGE|LC_\w+|SHELL|PWD|USER|PGDATA|PG_MAJOR|\w*_VERSION)$/;
const HIDDEN = "[redacted]";
/** Escape sequences first, so that their letters do not stay behind. */
const ESCAPES =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed
  /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-_])/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]+/g;

export type Redact = (text: string) => string;

/**
 * Hides the values of the container's environment wherever they stand in a text from outside, also
 * the password inside an address such as `postgres://user:password@host/db`. The container's own
 * name stays: it is often a user's or a database's name too.
 */
export function redactorFor(container: ContainerInspect | null): Redact {
  const values = new Set<string>();
  const ownName = container?.Name.replace(/^\//, "");
  for (const entry of container?.Config.Env ?? []) {
    const at = entry.indexOf("=");
    if (at < 0 || HARMLESS_NAMES.test(entry.slice(0, at))) continue;
    const value = entry.slice(at + 1);
    const password = /:\/\/[^/@\s]*:([^/@\s]+)@/.exec(value)?.[1] ?? "";
    for (const secret of [value, password, decoded(password)]) {
      if (secret.length >= MIN_SECRET_LENGTH && secret !== ownName) values.add(secret);
    }
  }
  // Longest first: a value that contains another is hidden whole.
  const ordered = [...values].toSorted((left, right) => right.length - left.length);
  return (text) => ordered.reduce((hidden, value) => hidden.replaceAll(value, HIDDEN), text);
}

/** One printable line of at most `maxLength` characters. */
export function oneLine(text: string, maxLength = 200): string {
  const line = text.replace(ESCAPES, "").replace(CONTROLS, " ").replace(/ {2,}/g, " ").trim();
  return line.length <= maxLength ? line : `${line.slice(0, maxLength - 1)}…`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
