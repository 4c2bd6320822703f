/**
 * The kinds of values that the configuration has: each with the words that explain a mistake, and
 * with its name (`title`) for the JSON schema and docs/configuration.md.
 */
import * as v from "valibot";
import { parseDuration } from "../values/duration.ts";
import { Secret } from "../values/secret.ts";
import { cronProblem } from "./cron.ts";
import { listed } from "./words.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Words for a value that is not text at all. */
const NO_TEXT = "must be text; put it in quotes if it looks like a number";

export const text = v.pipe(v.string(NO_TEXT), v.nonEmpty("must not be empty"), v.title("text"));

/** `writeOnly` keeps the value out of `config print`; JSON schema has the same word. */
export const secret = v.pipe(
  v.string(NO_TEXT),
  v.nonEmpty("must not be empty"),
  v.title("secret text"),
  v.metadata({ writeOnly: true }),
  v.transform((value) => new Secret(value)),
);

const TOKEN = "must have at least 16 characters and no spaces; `openssl rand -hex 24` makes one";

/** A secret of ours that others show: short ones can be guessed. */
export const token = v.pipe(
  v.string(NO_TEXT),
  v.regex(/^[!-~]{16,512}$/, TOKEN),
  v.title("secret text of at least 16 characters"),
  v.metadata({ writeOnly: true }),
  v.transform((value) => new Secret(value)),
);

/** A whole number; text of digits too, because `${NAME}` gives text. */
export function wholeNumber(lowest: number, highest: number) {
  const message = `must be a whole number from ${lowest} to ${highest}`;
  return v.pipe(
    v.union([v.number(message), v.pipe(v.string(message), v.digits(message), v.transform(Number))]),
    v.integer(message),
    v.minValue(lowest, message),
    v.maxValue(highest, message),
    v.title(`whole number from ${lowest} to ${highest}`),
  );
}

const YES_OR_NO = "must be true or false";

export const yesOrNo = v.pipe(
  v.union(
    [
      v.boolean(YES_OR_NO),
      v.pipe(
        v.picklist(["true", "false"], YES_OR_NO),
        v.transform((value) => value === "true"),
      ),
    ],
    YES_OR_NO,
  ),
  v.title("true or false"),
);

/** One word of a closed list; the message with the nearest word is made where it is reported. */
export function oneOf<const Words extends readonly string[]>(words: Words) {
  return v.picklist(words, `must be ${listed(words)}`);
}

const DURATION = "must be a duration such as 10s, 5m, 48h or 3d";

function durationUpTo(lowestMs: number, highestMs: number, range: string) {
  return v.pipe(
    v.string(DURATION),
    v.regex(/^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d|w))+$/, DURATION),
    v.title("duration"),
    v.transform((value) => parseDuration(value) ?? 0),
    v.minValue(lowestMs, range),
    v.maxValue(highestMs, range),
  );
}

/** How long something may take: a timer that long must not overflow. */
export const timeout = durationUpTo(1000, DAY_MS, "must be from 1s to 24h");

/** How long to stay up, to wait: may be nothing. */
export const pause = durationUpTo(0, DAY_MS, "must be at most 24h");

/** How old something may be or become. */
export const age = durationUpTo(0, 3650 * DAY_MS, "must be at most 3650d");

export const cron = v.pipe(
  v.string(NO_TEXT),
  v.check(
    (value) => cronProblem(value) === null,
    (issue) => `is no cron expression: ${cronProblem(issue.input) ?? ""}`,
  ),
  v.title("cron expression"),
);

export const timezone = v.pipe(
  v.string(NO_TEXT),
  v.check(isTimezone, "is no time zone of the tz database, such as Europe/Berlin"),
  v.title("time zone"),
);

function isTimezone(name: string): boolean {
  // The list is cheap; a DateTimeFormat costs 15 ms at start, so only aliases get there.
  if (name === "UTC" || Intl.supportedValuesOf("timeZone").includes(name)) return true;
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

export const hostName = v.pipe(
  v.string(NO_TEXT),
  v.regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
    "must be a host name: letters, digits, dots and hyphens, at most 63",
  ),
  v.title("host name"),
);

const CONTAINER_NAME = "must be a container name: letters, digits, _ . and -";

export const containerName = v.pipe(
  v.string(NO_TEXT),
  v.regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/, CONTAINER_NAME),
  v.title("container name"),
);

export const containerGlob = v.pipe(
  v.string(NO_TEXT),
  v.regex(/^[a-zA-Z0-9_.*?-]+$/, "must be a container name, * and ? allowed"),
  v.title("container name with * and ?"),
);

export const topic = v.pipe(
  v.string(NO_TEXT),
  v.regex(/^[-_A-Za-z0-9]{1,64}$/, "must be an ntfy topic: letters, digits, _ and -, at most 64"),
  v.title("ntfy topic"),
);

export const httpUrl = v.pipe(
  v.string(NO_TEXT),
  v.check(isHttpUrl, "must be an address such as http://ntfy:80"),
  v.check(
    (value) => !hasUserInformation(value),
    "must not hold a user or password: it would show in logs",
  ),
  v.title("http address"),
);

function isHttpUrl(value: string): boolean {
  const url = URL.parse(value);
  return url !== null && (url.protocol === "http:" || url.protocol === "https:");
}

function hasUserInformation(value: string): boolean {
  const url = URL.parse(value);
  return url !== null && (url.username !== "" || url.password !== "");
}

/** A webhook's address often carries its token, so the whole of it is a secret. */
export const secretUrl = v.pipe(
  v.string(NO_TEXT),
  v.check(isHttpUrl, "must be an address such as https://example.org/hook"),
  v.title("secret http address"),
  v.metadata({ writeOnly: true }),
  v.transform((value) => new Secret(value)),
);

export const endpoint = v.pipe(
  v.string(NO_TEXT),
  v.regex(
    /^(?:unix:\/\/\/.+|tcp:\/\/[^/@\s]+|ssh:\/\/[^/\s]+)$/,
    "must be unix:///path, tcp://host:port or ssh://user@host",
  ),
  v.title("engine address"),
);

const HOST = String.raw`(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\])`;

export const hostAndPort = v.pipe(
  v.string(NO_TEXT),
  v.regex(new RegExp(`^${HOST}:\\d{1,5}$`), "must be host:port"),
  v.title("host:port"),
);

export const hostMaybePort = v.pipe(
  v.string(NO_TEXT),
  v.regex(new RegExp(`^${HOST}(?::\\d{1,5})?$`), "must be host or host:port"),
  v.title("host or host:port"),
);

export const address = v.pipe(
  v.string(NO_TEXT),
  v.ip("must be an IP address"),
  v.title("IP address"),
);

/** A list of at least one word: a program and its arguments. */
export const commandLine = v.pipe(
  v.array(text, "must be a list: the program and its arguments"),
  v.minLength(1, "must name a program"),
  v.title("list: program and arguments"),
);

export function list<Item extends v.GenericSchema>(item: Item) {
  return v.array(item, "must be a list");
}

/** One value or a list of them. */
export function oneOrMore<Item extends v.GenericSchema>(item: Item) {
  return v.union([item, list(item)]);
}
