/** A registry in front of the registry, which counts requests and misbehaves on demand. */
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { REGISTRY_HOST } from "./registry.ts";
import { splitReference } from "./registry-client.ts";

export type FaultAction =
  /** Answers by itself: 401, 404, 429 with `Retry-After`, ... */
  | { kind: "answer"; status: number; headers?: Record<string, string>; body?: string }
  /** Breaks the connection after so many bytes of the body. */
  | { kind: "cut"; afterBytes: number }
  /** Ends the body after so many bytes as if that were all of it. */
  | { kind: "truncate"; afterBytes: number }
  /** Names another digest in Docker-Content-Digest. */
  | { kind: "digest"; digest: string }
  /** Answers with the manifest of this reference of the same repository instead. */
  | { kind: "redirect"; reference: string }
  /** Waits before it asks the registry. */
  | { kind: "delay"; delayMs: number }
  /** Hands on the body at this rate. */
  | { kind: "slow"; bytesPerSecond: number }
  /** Never answers. */
  | { kind: "hang" };

export interface Fault {
  /** Default: any. */
  method?: string;
  /** Tested against the path with query; default: any. */
  path?: RegExp;
  /** Tested against User-Agent, which tells the engine from the scanner; default: any. */
  agent?: RegExp;
  /** How many matching requests it spoils; default: all. */
  times?: number;
  action: FaultAction;
}

export interface ProxiedRequest {
  method: string;
  path: string;
  headers: IncomingMessage["headers"];
}

export interface RegistryProxy extends AsyncDisposable {
  /** `127.0.0.1:5001`, to begin image references with. */
  readonly host: string;
  readonly url: string;
  /** Everything asked so far, spoilt or not, oldest first. */
  readonly requests: readonly ProxiedRequest[];
  /** How many requests had this method and a path that matches. */
  count(method: string, path?: RegExp): number;
  /** The first fault that matches a request spoils it. Returns how to take it away again. */
  inject(fault: Fault): () => void;
  /** Takes all faults away and forgets the requests. */
  reset(): void;
}

export interface RegistryProxyOptions {
  /** Default 5001. */
  port?: number;
  /** Requests without these get 401 with a Basic challenge. */
  credentials?: { username: string; password: string };
}

export async function openRegistryProxy(
  options: RegistryProxyOptions = {},
): Promise<RegistryProxy> {
  const port = options.port ?? 5001;
  const requests: ProxiedRequest[] = [];
  let faults: { fault: Fault; left: number }[] = [];

  const server = createServer((incoming, outgoing) => {
    const method = incoming.method ?? "";
    const path = incoming.url ?? "";
    requests.push({ method, path, headers: incoming.headers });
    const found = faults.find(
      ({ fault, left }) =>
        left > 0 &&
        (fault.method === undefined || fault.method === method) &&
        (fault.path === undefined || fault.path.test(path)) &&
        (fault.agent === undefined || fault.agent.test(incoming.headers["user-agent"] ?? "")),
    );
    if (found !== undefined) found.left -= 1;
    const refusal = found ? undefined : refuse(options.credentials, incoming);
    serve(found?.fault.action ?? refusal, incoming, outgoing).catch(() => outgoing.destroy());
  });
  server.unref();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });

  const host = `127.0.0.1:${port}`;
  return {
    host,
    url: `http://${host}`,
    requests,
    count: (method, path = /^/) =>
      requests.filter((each) => each.method === method && path.test(each.path)).length,
    inject(fault) {
      const entry = { fault, left: fault.times ?? Number.POSITIVE_INFINITY };
      faults.push(entry);
      return () => {
        faults = faults.filter((each) => each !== entry);
      };
    },
    reset() {
      faults = [];
      requests.length = 0;
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

function refuse(
  credentials: RegistryProxyOptions["credentials"],
  incoming: IncomingMessage,
): FaultAction | undefined {
  if (credentials === undefined) return undefined;
  const { username, password } = credentials;
  const wanted = `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
  if (incoming.headers.authorization === wanted) return undefined;
  const headers = { "WWW-Authenticate": 'Basic realm="lab"' };
  const body = JSON.stringify({ errors: [{ code: "UNAUTHORIZED" }] });
  return { kind: "answer", status: 401, headers, body };
}

async function serve(
  action: FaultAction | undefined,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  if (action?.kind === "hang") return;
  if (action?.kind === "answer") {
    incoming.resume();
    outgoing.writeHead(action.status, action.headers).end(action.body);
    return;
  }
  if (action?.kind === "delay") await sleep(action.delayMs);
  const answer = await ask(incoming, targetOf(action, incoming.url ?? ""));
  const headers = { ...answer.headers };
  if (action?.kind === "digest") headers["docker-content-digest"] = action.digest;
  if (action?.kind === "truncate") headers["content-length"] = String(action.afterBytes);
  outgoing.writeHead(answer.statusCode ?? 502, headers);
  let sentBytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    if (outgoing.destroyed) return;
    const isShort = action?.kind === "cut" || action?.kind === "truncate";
    if (isShort && sentBytes + chunk.length > action.afterBytes) {
      const rest = chunk.subarray(0, action.afterBytes - sentBytes);
      await new Promise<void>((resolve) => outgoing.write(rest, () => resolve()));
      if (action.kind === "cut") outgoing.destroy();
      else outgoing.end();
      return;
    }
    if (action?.kind === "slow") await sleep((chunk.length / action.bytesPerSecond) * 1000);
    sentBytes += chunk.length;
    if (!outgoing.write(chunk)) await untilWritable(outgoing);
  }
  outgoing.end();
}

function targetOf(action: FaultAction | undefined, path: string): string {
  if (action?.kind !== "redirect") return path;
  const { repository, version } = splitReference(action.reference);
  return `/v2/${repository}/manifests/${version}`;
}

function ask(incoming: IncomingMessage, path: string): Promise<IncomingMessage> {
  const [host, port] = REGISTRY_HOST.split(":");
  const { authorization: _, ...headers } = incoming.headers;
  return new Promise((resolve, reject) => {
    const onward = request({ host, port, path, method: incoming.method, headers, agent: false });
    onward.once("response", resolve);
    onward.once("error", reject);
    incoming.pipe(onward);
  });
}

/** Until it takes more, or is closed and takes nothing. */
function untilWritable(outgoing: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      outgoing.off("drain", done).off("close", done);
      resolve();
    };
    outgoing.on("drain", done).on("close", done);
  });
}
