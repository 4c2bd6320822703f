/**
 * A socket in front of the engine's: pratique and its `docker compose` child both speak through it.
 * It numbers their calls and does what a fault wants at one of them. Kept-alive connections,
 * streamed answers and taken-over connections (exec, attach) pass as they come.
 */
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";

export interface EngineCall {
  /** From 1, since `watch`. */
  number: number;
  /** Method and path without version, names and ids: `POST /containers/{id}/start`. */
  name: string;
  /** The same word for word, and by whom. */
  question: string;
  /** What is no GET or HEAD may change something. */
  isChange: boolean;
  isCompose: boolean;
}

/**
 * What happens to one call: `before`: the engine never gets it and the caller's connection ends;
 * `after`: the engine has answered and the connection ends without the answer; `error`: the engine
 * never gets it and the answer is an error 500; `hang`: the engine never gets it and nothing is
 * ever answered; `forbid`: a socket proxy answers with a page of its own, status 403.
 */
export interface CallFault {
  kind: "before" | "after" | "error" | "hang" | "forbid";
  /** Called at that moment: a kill, a note. */
  act(call: EngineCall): void;
}

export interface Watch {
  /** Which of the calls that count is spoilt; 0: none. */
  at: number | "every";
  counts(call: EngineCall): boolean;
  fault: CallFault;
}

export interface EngineProxy extends AsyncDisposable {
  /** For `engine.endpoint`. */
  readonly url: string;
  /** Numbers from 1 again and spoils what `watch` says; null: nothing. */
  watch(watch: Watch | null): void;
  /** Connections to the engine that failed since `watch`: what its own faults look like. */
  readonly failures: readonly string[];
  /** The calls since `watch`, oldest first. */
  readonly calls: readonly EngineCall[];
}

/** Listens on `socket` and hands on to `engineSocket`. */
export async function openEngineProxy(socket: string, engineSocket: string): Promise<EngineProxy> {
  let calls: EngineCall[] = [];
  let failures: string[] = [];
  let watched: { watch: Watch; seen: number } | null = null;

  const faultFor = (incoming: IncomingMessage): Spoilt | null => {
    const call = callOf(incoming, calls.length + 1);
    calls.push(call);
    if (watched === null || !watched.watch.counts(call)) return null;
    watched.seen += 1;
    if (![watched.seen, "every"].includes(watched.watch.at)) return null;
    const { kind, act } = watched.watch.fault;
    return { kind, act: () => act(call) };
  };

  const forward = (incoming: IncomingMessage) =>
    request({
      socketPath: engineSocket,
      method: incoming.method,
      path: incoming.url,
      headers: incoming.headers,
      agent: false,
    });

  const server = createServer(async (incoming, outgoing) => {
    const fault = faultFor(incoming);
    if (!mayPass(fault, incoming, outgoing)) return;
    const body = await wholeBody(incoming);
    if (body === null) return;
    const onward = forward(incoming);
    onward.once("response", (answer) => {
      if (fault?.kind === "after") {
        endAfter(fault, incoming, onward);
        return;
      }
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      outgoing.flushHeaders();
      answer.pipe(outgoing);
      answer.once("error", () => outgoing.destroy());
    });
    onward.once("error", (error) => {
      failures.push(`${incoming.method} ${incoming.url}: ${error.message}`);
      incoming.socket.destroy();
    });
    outgoing.once("close", () => onward.destroy());
    onward.end(body);
  });

  server.on("upgrade", (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on("error", () => {});
    const fault = faultFor(incoming);
    if (!mayPass(fault, incoming, null)) return;
    const onward = forward(incoming);
    onward.once("upgrade", (answer, engineSide, engineHead) => {
      if (fault?.kind === "after") {
        endAfter(fault, incoming, onward);
        return;
      }
      socket.write(headText(answer));
      engineSide.unshift(engineHead);
      join(socket, engineSide);
    });
    // A refusal to take the connection over is an ordinary answer.
    onward.once("response", (answer) => {
      socket.write(headText(answer));
      answer.pipe(socket);
    });
    onward.once("error", () => socket.destroy());
    socket.once("close", () => onward.destroy());
    // Go's client sends the body of a hijacked call before the takeover.
    const length = Number(incoming.headers["content-length"] ?? 0);
    readBody(socket, head, length, (body, rest) => {
      onward.end(body);
      if (rest.length > 0) socket.unshift(rest);
    });
  });

  server.keepAliveTimeout = 0;
  server.requestTimeout = 0;
  server.headersTimeout = 0;
  server.unref();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(socket, resolve);
  });
  return {
    url: `unix://${socket}`,
    watch(watch) {
      calls = [];
      failures = [];
      watched = watch === null ? null : { watch, seen: 0 };
    },
    get failures() {
      return failures;
    },
    get calls() {
      return calls;
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

interface Spoilt {
  kind: CallFault["kind"];
  act(): void;
}

/** The engine's own kind of error, and that of the proxies which are HAProxy inside. */
const ANSWERS = {
  error: {
    status: 500,
    type: "application/json",
    body: JSON.stringify({ message: "a fault that the test injected" }),
  },
  forbid: {
    status: 403,
    type: "text/html",
    body: "<html><body><h1>403 Forbidden</h1>\nRequest forbidden by administrative rules.\n</body></html>\n",
  },
};

/** Does what the fault wants before the engine hears of the call; whether it may hear of it. */
function mayPass(
  fault: Spoilt | null,
  incoming: IncomingMessage,
  outgoing: ServerResponse | null,
): boolean {
  switch (fault?.kind) {
    case "before":
      fault.act();
      incoming.socket.destroy();
      return false;
    case "error":
    case "forbid": {
      fault.act();
      incoming.resume();
      const { status, type, body } = ANSWERS[fault.kind];
      const headers = { "Content-Type": type, "Content-Length": body.length };
      if (outgoing !== null) outgoing.writeHead(status, headers).end(body);
      else {
        const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
        const head = `HTTP/1.1 ${status} No\r\n${lines.join("")}Connection: close\r\n`;
        incoming.socket.end(`${head}\r\n${body}`);
      }
      return false;
    }
    case "hang":
      fault.act();
      incoming.resume();
      return false;
    default:
      return true;
  }
}

/**
 * A request's body; null where the caller went away. It is handed on together with the headers, as
 * the callers send it: an engine that answers before the body came closes the connection.
 */
async function wholeBody(incoming: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
    return Buffer.concat(chunks);
  } catch {
    return null;
  }
}

function endAfter(fault: Spoilt, incoming: IncomingMessage, onward: { destroy(): void }): void {
  fault.act();
  incoming.socket.destroy();
  onward.destroy();
}

function join(one: Duplex, other: Duplex): void {
  other.on("error", () => one.destroy());
  one.on("error", () => other.destroy());
  one.pipe(other);
  other.pipe(one);
  one.once("close", () => other.destroy());
  other.once("close", () => one.destroy());
}

function headText({ statusCode, statusMessage, rawHeaders }: IncomingMessage): string {
  const lines = [`HTTP/1.1 ${statusCode} ${statusMessage}`];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    lines.push(`${rawHeaders[index]}: ${rawHeaders[index + 1]}`);
  }
  return `${lines.join("\r\n")}\r\n\r\n`;
}

/** The first `length` bytes; `head` has those that came with the headers. */
function readBody(
  socket: Duplex,
  head: Buffer,
  length: number,
  done: (body: Buffer, rest: Buffer) => void,
): void {
  let received = head;
  if (received.length >= length) {
    done(received.subarray(0, length), received.subarray(length));
    return;
  }
  const take = (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    if (received.length < length) return;
    socket.off("data", take);
    socket.pause();
    done(received.subarray(0, length), received.subarray(length));
  };
  socket.on("data", take);
}

function callOf(incoming: IncomingMessage, number: number): EngineCall {
  const method = incoming.method ?? "";
  const isChange = method !== "GET" && method !== "HEAD";
  const isCompose = incoming.headers["user-agent"] !== "pratique";
  const url = incoming.url ?? "";
  const question = `${method} ${url} ${isCompose ? "compose" : "pratique"}`;
  return { number, name: `${method} ${template(url)}`, question, isChange, isCompose };
}

/** A path without API version, query, names and ids. */
export function template(url: string): string {
  const [path = ""] = url.replace(/^\/v[0-9.]+(?=\/)/, "").split("?");
  const [, kind = "", rest = ""] = /^\/([^/]+)\/?(.*)$/.exec(path) ?? [];
  if (rest === "" || ["json", "create", "prune"].includes(rest)) return path;
  const action =
    /\/(json|start|stop|kill|rename|update|tag|get|history|logs|top|wait|exec|attach|connect|disconnect|archive|resize)$/.exec(
      rest,
    )?.[1];
  return `/${kind}/{id}${action === undefined ? "" : `/${action}`}`;
}
