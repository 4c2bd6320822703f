import type { Agent, IncomingHttpHeaders, IncomingMessage, RequestOptions } from "node:http";
import type { Duplex, Readable } from "node:stream";
import {
  ENGINE_REFUSED,
  ENGINE_TIMEOUT,
  ENGINE_TOO_OLD,
  ENGINE_UNREACHABLE,
  OperatorError,
} from "../../errors.ts";
import type { JsonObject } from "../../ports.ts";
import { apiAtLeast } from "../../values/api-version.ts";
import { lowerApi, MINIMUM_API, OWN_API } from "./api-version.ts";
import { type Connect, prepareConnect, type TlsFiles } from "./connect.ts";
import { type Deadline, startDeadline } from "./deadline.ts";
import { parseEndpoint } from "./endpoint.ts";
import { describe, failureOf } from "./engine-answer.ts";

export interface TransportOptions {
  endpoint: string;
  tls: TlsFiles | null;
  timeoutMs: number;
  /** `DOCKER_API_VERSION`: spoken without negotiation. */
  apiVersion: string | null;
}

export interface Call {
  method: "GET" | "POST" | "DELETE";
  /** Without version and query; parts already escaped. */
  path: string;
  query?: Readonly<Record<string, string | undefined>>;
  body?: JsonObject | undefined;
  headers?: Readonly<Record<string, string>> | undefined;
  timeoutMs?: number | undefined;
}

/** The engine's answer where the caller wants to judge the status itself. */
export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

export interface Transport {
  /** One call with a whole answer. Every status from 400 on throws, apart from `accept`. */
  call(call: Call, accept?: readonly number[]): Promise<Answer>;
  /** A call whose answer is a stream; `deadline` bounds it, also while it is read. */
  stream(call: Call, deadline: Deadline): Promise<Readable>;
  /** A call that turns the connection into a two-way stream (exec with standard input). */
  hijack(call: Call, deadline: Deadline): Promise<Duplex>;
  /** The negotiated API version, `1.45`. */
  apiVersion(): Promise<string>;
  /** Translates what a stream of this call failed with. */
  explain(call: Call, error: unknown, deadline: Deadline): unknown;
  timeout(call: Call): (boundMs: number) => Error;
}

/** Inspect answers and lists of big hosts are a few MiB. */
const MAX_ANSWER_BYTES = 128 * 1024 * 1024;
/** Parallel reads; the rest wait for a free connection. */
const MAX_CONNECTIONS = 8;
/** The engine never closes an idle connection; the daemon must not gather them. */
const IDLE_MS = 10_000;

interface Client {
  http: typeof import("node:http");
  agent: Agent;
  connect: Connect;
}

type Received =
  | { kind: "answer"; response: IncomingMessage }
  | { kind: "upgraded"; socket: Duplex; head: Buffer };

/**
 * The small client of the Engine API. node:http is imported with the first call, because it is the
 * dearest module that `pratique status` needs. Reads share connections; every call that changes
 * something gets a fresh one, so that it never fails on a connection that had gone stale.
 */
export function createTransport(options: TransportOptions): Transport {
  const { endpoint } = options;
  let client: Promise<Client> | null = null;
  let version: Promise<string> | null = null;

  const ready = () => {
    client ??= prepareClient(options);
    return client;
  };

  const explain = (call: Call, error: unknown, deadline: Deadline): unknown => {
    if (deadline.signal.aborted) return deadline.signal.reason;
    if (error instanceof OperatorError) return error;
    return ENGINE_UNREACHABLE.because(error, endpoint, `${describe(call)}: ${messageOf(error)}`);
  };

  const send = async (
    call: Call,
    deadline: Deadline,
    prefix: string,
    upgrade = false,
  ): Promise<Received> => {
    const prepared = await ready();
    for (let attempt = 1; ; attempt += 1) {
      const sent = { reused: false };
      try {
        return await sendOnce(prepared, call, { signal: deadline.signal, prefix, upgrade, sent });
      } catch (error) {
        const isStale = sent.reused && call.method === "GET" && !deadline.signal.aborted;
        if (!isStale || attempt > 2) throw error;
      }
    }
  };

  const whole = async (call: Call, prefix: string): Promise<Answer> => {
    const deadline = deadlineFor(call);
    try {
      const received = await send(call, deadline, prefix);
      if (received.kind === "upgraded") throw new Error("the connection was taken over");
      const { statusCode = 0, headers } = received.response;
      return { status: statusCode, headers, body: await readAll(received.response) };
    } catch (error) {
      throw explain(call, error, deadline);
    } finally {
      deadline.end();
    }
  };

  const timeout = (call: Call) => (boundMs: number) => ENGINE_TIMEOUT(describe(call), boundMs);
  const deadlineFor = (call: Call) =>
    startDeadline({ totalMs: call.timeoutMs ?? options.timeoutMs, onTimeout: timeout(call) });

  const apiVersion = () => {
    version ??= negotiate(options.apiVersion, (path) => whole({ method: "GET", path }, ""));
    // A failure is not remembered: the engine may be back for the next call.
    version.catch(() => {
      version = null;
    });
    return version;
  };

  const opened = async (call: Call, deadline: Deadline, upgrade: boolean): Promise<Received> => {
    const prefix = `/v${await apiVersion()}`;
    try {
      const received = await send(call, deadline, prefix, upgrade);
      if (received.kind === "upgraded") return received;
      const { statusCode = 0, headers } = received.response;
      if (statusCode < 400) return received;
      const body = await readAll(received.response);
      throw failureOf(call, { status: statusCode, headers, body });
    } catch (error) {
      throw explain(call, error, deadline);
    }
  };

  return {
    async call(call, accept = []) {
      const answer = await whole(call, `/v${await apiVersion()}`);
      if (answer.status >= 300 && !accept.includes(answer.status)) throw failureOf(call, answer);
      return answer;
    },
    async stream(call, deadline) {
      const received = await opened(call, deadline, false);
      if (received.kind === "answer") return received.response;
      throw ENGINE_UNREACHABLE(endpoint, `${describe(call)} took the connection over`);
    },
    async hijack(call, deadline) {
      const received = await opened(call, deadline, true);
      if (received.kind === "upgraded") {
        if (received.head.length > 0) received.socket.unshift(received.head);
        return received.socket;
      }
      received.response.destroy();
      throw ENGINE_UNREACHABLE(endpoint, `${describe(call)} was not given a two-way stream`);
    },
    apiVersion,
    explain,
    timeout,
  };
}

async function prepareClient(options: TransportOptions): Promise<Client> {
  const parsed = parseEndpoint(options.endpoint, options.tls !== null);
  if (parsed === null) {
    throw ENGINE_UNREACHABLE(
      options.endpoint,
      "only unix:///path, tcp://host:port and ssh://user@host are understood",
    );
  }
  let connect: Connect;
  try {
    connect = await prepareConnect(parsed, options.tls);
  } catch (error) {
    throw ENGINE_UNREACHABLE.because(error, options.endpoint, messageOf(error));
  }
  // Not by import: that reads every export, and the one of WebSocket loads all of undici (30 ms).
  const http = process.getBuiltinModule("node:http");
  const agent = new http.Agent({ keepAlive: true, maxSockets: MAX_CONNECTIONS, timeout: IDLE_MS });
  agent.createConnection = connect;
  return { http, agent, connect };
}

function sendOnce(
  client: Client,
  call: Call,
  how: { signal: AbortSignal; prefix: string; upgrade: boolean; sent: { reused: boolean } },
): Promise<Received> {
  const body = call.body === undefined ? null : Buffer.from(JSON.stringify(call.body));
  const options: RequestOptions = {
    method: call.method,
    path: how.prefix + call.path + queryText(call.query ?? {}),
    // Without a name of its own a unix socket has the CLI's conventional host.
    headers: {
      Host: "docker",
      "User-Agent": "pratique",
      ...call.headers,
      ...(body === null ? {} : { "Content-Type": "application/json" }),
      // A POST without a body says so: some proxies wait for one otherwise.
      ...(call.method === "GET" ? {} : { "Content-Length": String(body?.length ?? 0) }),
      ...(how.upgrade ? { Connection: "Upgrade", Upgrade: "tcp" } : {}),
    },
    signal: how.signal,
    ...(call.method === "GET" ? { agent: client.agent } : { createConnection: client.connect }),
  };
  return new Promise((resolve, reject) => {
    const request = client.http.request(options);
    request.once("response", (response) => {
      const { socket } = response;
      // A refused upgrade counts as keep-alive for node:http, but no agent has the connection: it
      // would stay open, and the process with it, for as long as the engine likes.
      if (how.upgrade) response.once("close", () => socket.destroy());
      resolve({ kind: "answer", response });
    });
    request.once("upgrade", (_response, socket, head) =>
      resolve({ kind: "upgraded", socket, head }),
    );
    request.once("error", (error) => {
      how.sent.reused = request.reusedSocket;
      reject(error);
    });
    request.end(body ?? undefined);
  });
}

/** min(own maximum, theirs), at least 1.40 (facts/docker-recreate section 5). */
async function negotiate(
  override: string | null,
  get: (path: string) => Promise<Answer>,
): Promise<string> {
  if (override !== null) {
    if (!apiAtLeast(override, MINIMUM_API)) throw ENGINE_TOO_OLD(override);
    return override;
  }
  const theirs = (await askVersion("/_ping", get)) ?? (await askVersion("/version", get));
  if (theirs === null) throw ENGINE_REFUSED("GET /_ping", "PING=1");
  if (!apiAtLeast(theirs, MINIMUM_API)) throw ENGINE_TOO_OLD(theirs);
  return lowerApi(theirs, OWN_API);
}

async function askVersion(
  path: string,
  get: (path: string) => Promise<Answer>,
): Promise<string | null> {
  const { headers } = await get(path);
  const version = headers["api-version"];
  return typeof version === "string" && /^[0-9]+\.[0-9]+$/.test(version) ? version : null;
}

function queryText(query: Readonly<Record<string, string | undefined>>): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) parameters.set(name, value);
  }
  const text = parameters.toString();
  return text === "" ? "" : `?${text}`;
}

async function readAll(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > MAX_ANSWER_BYTES) throw new Error("the answer is too long");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
