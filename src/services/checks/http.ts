import type { HttpAnswer, HttpRequest } from "../../ports.ts";
import { endpointOfUrl } from "../locate.ts";
import {
  type Check,
  type CheckContext,
  healthy,
  type Outcome,
  unhealthy,
  unknown,
} from "./check.ts";
import { reach } from "./reach.ts";

/** Null where the answer is right, else what is wrong with it. */
export type Judge = (answer: HttpAnswer) => string | null;

/** A request whose answer is judged: by default any 2xx or 3xx is right. */
export function httpCheck(
  context: CheckContext,
  options: { name?: string; isRequired: boolean; request: HttpRequest; judge?: Judge },
): Check {
  const asked = describe(options.request);
  return {
    name: options.name ?? asked,
    isRequired: options.isRequired,
    run: async () => {
      const result = await askHttp(context, options.request);
      if (result.kind === "lost") return result.outcome;
      return judged(context, asked, result.answer, options.judge ?? isSuccess);
    },
  };
}

/** The answer as it came, or the outcome of not getting one. */
export async function askHttp(
  context: CheckContext,
  request: HttpRequest,
): Promise<{ kind: "answered"; answer: HttpAnswer } | { kind: "lost"; outcome: Outcome }> {
  const asked = describe(request);
  const endpoint = endpointOfUrl(request.url);
  if (endpoint === null) return { kind: "lost", outcome: unknown(`${asked}: not an address`) };
  const result = await reach(context, asked, endpoint, ({ host, port, isLocal }, timeoutMs) => {
    const connect = { host, port };
    const bare = withoutCredentials(request);
    return context.probes.http({ ...bare, connect, anyCertificate: isLocal }, timeoutMs);
  });
  return result.kind === "lost" ? result : { kind: "answered", answer: result.answer };
}

/** Turns an answer and its judgement into evidence: what was asked, what came back, how long. */
export function judged(
  { redact }: CheckContext,
  asked: string,
  answer: HttpAnswer,
  judge: Judge,
): Outcome {
  const wrong = judge(answer);
  const took = `${answer.status} in ${Math.round(answer.durationMs)} ms`;
  if (wrong === null) return healthy(`${asked}: ${took}`);
  return unhealthy(`${asked}: ${took}, ${redact(wrong)}`);
}

export function isSuccess(answer: HttpAnswer): string | null {
  return answer.status >= 200 && answer.status < 400 ? null : "expected 2xx or 3xx";
}

/** Expects one of these states (any 2xx or 3xx where empty) and, where given, a text in the body. */
export function expecting(status: readonly number[], contains: string | null): Judge {
  return (answer) => {
    const wrong =
      status.length === 0 || status.includes(answer.status)
        ? null
        : `expected ${status.join(" or ")}`;
    const wrongStatus = status.length === 0 ? isSuccess(answer) : wrong;
    if (wrongStatus !== null) return wrongStatus;
    if (contains === null || answer.body.includes(contains)) return null;
    return `the body does not contain ${JSON.stringify(contains)}`;
  };
}

/** Expects 2xx and exactly this text, white space around it aside. */
export function expectingText(expected: string): Judge {
  return ({ status, body }) => {
    if (status < 200 || status > 299) return "expected 2xx";
    const said = body.trim();
    return said === expected
      ? null
      : `expected ${expected}, got ${JSON.stringify(said.slice(0, 80))}`;
  };
}

/** Expects 2xx and a JSON object or array that `isRight` accepts. */
export function expectingJson(isRight: (body: unknown) => string | null): Judge {
  return (answer) => {
    if (answer.status < 200 || answer.status > 299) return "expected 2xx";
    try {
      const body: unknown = JSON.parse(answer.body);
      return typeof body === "object" && body !== null
        ? isRight(body)
        : "the body is not an object";
    } catch {
      return answer.truncated ? "the body is too long" : "the body is not JSON";
    }
  };
}

/** Method and address without user, password, query and fragment. */
export function describe(request: HttpRequest): string {
  const url = URL.parse(request.url);
  const method = request.method ?? "GET";
  if (url === null) return `${method} (not an address)`;
  return `${method} ${url.protocol}//${url.host}${url.pathname}`;
}

/** User and password of an address travel in the header, where no error text can show them. */
function withoutCredentials(request: HttpRequest): HttpRequest {
  const url = URL.parse(request.url);
  if (url === null || (url.username === "" && url.password === "")) return request;
  const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  url.username = "";
  url.password = "";
  const authorization = `Basic ${Buffer.from(pair).toString("base64")}`;
  return { ...request, url: url.href, headers: { authorization, ...request.headers } };
}
