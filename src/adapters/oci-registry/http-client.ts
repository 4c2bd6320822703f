import type { Agent as HttpAgent, IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { Agent as HttpsAgent, RequestOptions } from "node:https";
import { isTrustFailure, trustedAuthorities } from "./trusted-authorities.ts";

export interface HttpRequest {
  method: "GET" | "HEAD" | "POST";
  url: URL;
  headers: Readonly<Record<string, string>>;
  body?: string | undefined;
  /** A longer answer is a failure. */
  maxBodyBytes: number;
  signal?: AbortSignal | undefined;
  /** True for registries that the engine lists as insecure: it does not check either. */
  acceptsAnyCertificate: boolean;
}

export interface HttpAnswer {
  kind: "answer";
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

export interface HttpFailure {
  kind: "failed";
  /** With the first two, no complete answer came; asking again may help. */
  cause: "connection" | "timeout" | "refused-answer";
  /** Whether there was a connection at all: if not, the failure is not about this request. */
  wasConnected: boolean;
  /** Nobody that Node trusts by itself vouches for the server's certificate. */
  isUntrusted?: boolean;
  /** The server had closed an idle connection: it is no sign of trouble, a new one will do. */
  isStale?: boolean;
  why: string;
}

export interface HttpClient {
  /**
   * One request with its redirects (at most 3). `authorization` is dropped when a redirect leaves
   * the origin, and one from https to http is refused. Rejects only when the signal is aborted.
   */
  send(request: HttpRequest): Promise<HttpAnswer | HttpFailure>;
}

const MAX_REDIRECTS = 3;
/** Sockets are counted for each host; idle ones go, because the daemon must not gather them. */
const AGENT_OPTIONS = {
  keepAlive: true,
  maxSockets: 16,
  scheduling: "lifo",
  timeout: 10_000,
} as const;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** Keeps connections alive; idle ones do not keep the process running. */
export function createHttpClient(options: { timeoutMs: number }): HttpClient {
  /** By protocol, and by host for those that need more authorities than Node's own. */
  const agents = new Map<string, HttpAgent | HttpsAgent>();

  /** node:http and above all node:https are slow to load: only when a registry is asked. */
  async function transport({ protocol, host }: URL) {
    const { Agent, request } =
      protocol === "https:" ? await import("node:https") : await import("node:http");
    const agent = agents.get(host) ?? agents.get(protocol) ?? new Agent(AGENT_OPTIONS);
    if (!agents.has(host)) agents.set(protocol, agent);
    return { agent, request };
  }

  async function trustMore(host: string): Promise<void> {
    const { Agent } = await import("node:https");
    const { createSecureContext } = await import("node:tls");
    const secureContext = createSecureContext({ ca: await trustedAuthorities(host) });
    agents.set(host, new Agent({ ...AGENT_OPTIONS, secureContext }));
  }

  /** Again where a new connection or a longer list of authorities will do. */
  async function sendSurely(ask: HttpRequest): Promise<HttpAnswer | HttpFailure> {
    const { host } = ask.url;
    const wasKnown = agents.has(host);
    let answer = await sendOnce(ask);
    if (answer.kind === "failed" && answer.isStale) answer = await sendOnce(ask);
    if (answer.kind !== "failed" || !answer.isUntrusted || wasKnown) return answer;
    if (!agents.has(host)) await trustMore(host);
    return await sendOnce(ask);
  }

  async function sendOnce(ask: HttpRequest): Promise<HttpAnswer | HttpFailure> {
    ask.signal?.throwIfAborted();
    const { agent, request } = await transport(ask.url);
    const requestOptions: RequestOptions = {
      method: ask.method,
      agent,
      headers: {
        ...ask.headers,
        ...(ask.body === undefined ? {} : { "content-length": Buffer.byteLength(ask.body) }),
      },
      signal: ask.signal,
      ...(ask.acceptsAnyCertificate ? { rejectUnauthorized: false } : {}),
    };
    return await new Promise((resolve, reject) => {
      const outgoing = request(ask.url, requestOptions);
      let hasAnswered = false;
      let wasConnected = false;
      outgoing.on("socket", (socket) => {
        const isReused = !socket.connecting;
        const event = ask.url.protocol === "https:" ? "secureConnect" : "connect";
        if (isReused) wasConnected = true;
        else
          socket.once(event, () => {
            wasConnected = true;
          });
      });
      // Covers name lookup, waiting for a free socket, connecting and the whole answer.
      const timer = setTimeout(() => {
        const why = `no complete answer within ${Math.round(options.timeoutMs / 1000)} s`;
        finish({ kind: "failed", cause: "timeout", wasConnected, why });
        outgoing.destroy();
      }, options.timeoutMs);
      const finish = (result: HttpAnswer | HttpFailure) => {
        clearTimeout(timer);
        resolve(result);
      };
      const fail = (error: Error) => {
        if (ask.signal?.aborted) {
          clearTimeout(timer);
          reject(ask.signal.reason);
        } else {
          const isStale = outgoing.reusedSocket && !hasAnswered;
          const isUntrusted = isTrustFailure(error);
          const why = describe(error);
          const cause = "connection";
          finish({ kind: "failed", cause, wasConnected, why, isStale, isUntrusted });
        }
      };
      outgoing.on("error", fail);
      outgoing.on("response", (response) => {
        hasAnswered = true;
        collect(response, ask.maxBodyBytes).then((body) => {
          if (typeof body === "string") {
            finish({ kind: "failed", cause: "refused-answer", wasConnected, why: body });
          } else {
            const { statusCode: status = 0, headers } = response;
            finish({ kind: "answer", status, headers, body });
          }
        }, fail);
      });
      outgoing.end(ask.body);
    });
  }

  return {
    async send(request) {
      let current = request;
      for (let redirects = 0; ; redirects += 1) {
        const answer = await sendSurely(current);
        if (answer.kind === "failed" || !REDIRECTS.has(answer.status)) return answer;
        const next = redirects < MAX_REDIRECTS ? follow(current, answer) : "too many redirects";
        if (typeof next === "string") {
          return { kind: "failed", cause: "refused-answer", wasConnected: true, why: next };
        }
        current = next;
      }
    },
  };
}

/** The request that a redirect asks for, or why it is not followed. */
function follow(request: HttpRequest, answer: HttpAnswer): HttpRequest | string {
  const location = answer.headers.location;
  if (location === undefined || !URL.canParse(location, request.url.href)) {
    return `status ${answer.status} without a usable location`;
  }
  const url = new URL(location, request.url.href);
  if (request.method === "POST") return `a redirect to ${url.host}, not followed with credentials`;
  const isSafe =
    url.protocol === "https:" || (url.protocol === "http:" && request.url.protocol === "http:");
  if (!isSafe) return `a redirect to ${url.protocol}//${url.host}, which is not followed`;
  if (url.origin === request.url.origin) return { ...request, url };
  const { authorization: _, ...headers } = request.headers;
  return { ...request, url, headers, acceptsAnyCertificate: false };
}

/** The body, or why it was refused. Rejects when the connection breaks before its end. */
async function collect(response: IncomingMessage, maxBytes: number): Promise<Buffer | string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    // Leaving the loop destroys the response, and the connection with it.
    if (size > maxBytes) return `an answer of more than ${maxBytes} bytes`;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Happy-eyeballs failures carry their reasons inside; their own message is empty. */
function describe(error: Error): string {
  const reasons = error instanceof AggregateError ? error.errors : [error];
  const messages = reasons.map(
    (reason: Error & { code?: string }) => reason.message || reason.code,
  );
  return [...new Set(messages)].filter(Boolean).join("; ") || error.name;
}
