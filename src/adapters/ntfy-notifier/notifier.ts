import type { Delivery, Message, Notifier } from "../../ports.ts";
import { parseRetryAfter } from "../../values/retry-after.ts";
import type { Secret } from "../../values/secret.ts";
import type { BoundedAnswer, NoAnswer } from "../system/fetch-bounded.ts";
import { fetchBounded } from "../system/fetch-bounded.ts";
import { toPublication } from "./publication.ts";

export interface NtfyOptions {
  /** Base address, `http://ntfy:80`. */
  url: string;
  topic: string;
  /** An access token (`tk_…`); null for an open server. */
  token: Secret | null;
}

const TIMEOUT_MS = 10_000;
const MAX_REDIRECTS = 3;
const MAX_ANSWER_BYTES = 1024 * 1024;
const MAX_TEXT = 200;

/**
 * An ntfy server. Messages are published as JSON to the root address, so that titles need no
 * header encoding. The token goes to that host only: redirects are followed on the same host,
 * never from https to http. Methods never reject; each takes 10 s at most per request.
 */
export function createNotifier(options: NtfyOptions): Notifier {
  const { base, authorization } = readAddress(options);

  async function ask(
    path: string,
    request: { method: "GET" | "POST"; body?: string },
  ): Promise<BoundedAnswer | NoAnswer> {
    const bounds = { timeoutMs: TIMEOUT_MS, maxBytes: MAX_ANSWER_BYTES };
    const headers = authorization === null ? {} : { authorization };
    let url = new URL(path, base);
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
      const answer = await fetchBounded(url, { ...request, headers }, bounds);
      const next = answer.kind === "answer" ? redirectTarget(url, answer) : null;
      if (next === null || !mayFollow(url, next)) return answer;
      url = next;
    }
    return { kind: "none", why: `${base.host} redirects in a circle` };
  }

  return {
    async deliver(message: Message): Promise<Delivery> {
      const body = JSON.stringify(toPublication(message, options.topic));
      const answer = await ask("", { method: "POST", body });
      if (answer.kind === "none") return { kind: "retry", why: answer.why, retryAfterMs: null };
      const { status } = answer;
      if (status >= 200 && status < 300) {
        const serverId = publishedId(answer.body);
        if (serverId !== null) return { kind: "delivered", serverId };
        const why = `${base.host} answered ${status}, but not as ntfy does`;
        return { kind: "retry", why, retryAfterMs: null };
      }
      const why = `${base.host} answered ${explain(answer)}`;
      const mayHelp = status === 429 || status === 408 || status >= 500;
      if (!mayHelp) return { kind: "refused", why };
      const retryAfterMs = parseRetryAfter(answer.headers.get("retry-after"), Date.now());
      return { kind: "retry", why, retryAfterMs };
    },

    async readBack(serverId) {
      const query = new URLSearchParams({ poll: "1", id: serverId });
      const answer = await ask(`${encodeURIComponent(options.topic)}/json?${query}`, {
        method: "GET",
      });
      if (answer.kind === "none") return "unreachable";
      if (answer.status === 401 || answer.status === 403) return "not-permitted";
      if (answer.status !== 200) return "unreachable";
      const isThere = answer.body.split("\n").some((line) => publishedId(line) === serverId);
      return isThere ? "found" : "missing";
    },
  };
}

/** The address without what may be secret in it, and what stands in the Authorization header. */
function readAddress(options: NtfyOptions): { base: URL; authorization: string | null } {
  const base = new URL(options.url.endsWith("/") ? options.url : `${options.url}/`);
  const [user, password] = [base.username, base.password].map(decodeURIComponent);
  base.username = "";
  base.password = "";
  if (options.token !== null) return { base, authorization: `Bearer ${options.token.reveal()}` };
  if (!user && !password) return { base, authorization: null };
  const pair = Buffer.from(`${user}:${password}`).toString("base64");
  return { base, authorization: `Basic ${pair}` };
}

function mayFollow(from: URL, to: URL): boolean {
  const isSecure =
    to.protocol === "https:" || (to.protocol === "http:" && from.protocol === "http:");
  // A reverse proxy moves http to https: same name, other port.
  const isSamePlace =
    to.host === from.host || (to.hostname === from.hostname && to.protocol !== from.protocol);
  return isSecure && isSamePlace && to.username === "" && to.password === "";
}

/** Where a redirect leads; null when the answer is none. */
function redirectTarget(from: URL, answer: BoundedAnswer): URL | null {
  const location = answer.headers.get("location");
  if (answer.status < 300 || answer.status > 399 || location === null) return null;
  return URL.canParse(location, from.href) ? new URL(location, from.href) : null;
}

/** Id of the message that this JSON line is; null when it is none. */
function publishedId(line: string): string | null {
  const { id, event } = parseObject(line);
  return typeof id === "string" && id !== "" && event === "message" ? id : null;
}

/** ntfy's own code and words, or the status and the beginning of what came. */
function explain(answer: BoundedAnswer): string {
  const location = answer.headers.get("location");
  if (location !== null) return `${answer.status} (a redirect to ${plain(location)})`;
  const { code, error } = parseObject(answer.body);
  if (typeof code === "number" && typeof error === "string") {
    return `${answer.status} (ntfy ${code}: ${plain(error)})`;
  }
  const text = plain(answer.body);
  return text === "" ? String(answer.status) : `${answer.status} (${text})`;
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function plain(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cf}]+/gu, " ")
    .trim()
    .slice(0, MAX_TEXT);
}
