import type { IncomingHttpHeaders, IncomingMessage, RequestOptions } from "node:http";
import type { HttpAnswer, HttpRequest, ProbeFailure } from "../../ports.ts";
import { failed, failureOf } from "./failure.ts";

const DEFAULT_BODY_BYTES = 64 * 1024;

/**
 * One HTTP request on a connection of its own. The time limit covers everything from the name
 * look-up to the last byte, so that a server that answers a byte a minute cannot hold us.
 */
export async function probeHttp(
  request: HttpRequest,
  timeoutMs: number,
): Promise<HttpAnswer | ProbeFailure> {
  const url = URL.parse(request.url);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    return failed("name", 0, "not an http or https address");
  }
  // Loaded here because status and --help must start without it.
  const { request: open } = await (url.protocol === "https:"
    ? import("node:https")
    : import("node:http"));
  const startedMs = performance.now();
  const elapsedMs = () => performance.now() - startedMs;
  return await new Promise((resolve) => {
    const exchange = open(optionsOf(url, request));
    const timer = setTimeout(() => finish(failed("timeout", elapsedMs())), timeoutMs);
    const finish = (result: HttpAnswer | ProbeFailure) => {
      clearTimeout(timer);
      resolve(result);
      exchange.destroy();
    };
    exchange.on("error", (error) => finish(failureOf(error, elapsedMs())));
    exchange.on("response", (response) => {
      const limitBytes = request.maxBodyBytes ?? DEFAULT_BODY_BYTES;
      collectBody(response, limitBytes, (body) => {
        if (body === null)
          return finish(failed("closed", elapsedMs(), "in the middle of the body"));
        const headers = plainHeaders(response.headers);
        const status = response.statusCode ?? 0;
        finish({ kind: "answer", status, headers, ...body, durationMs: elapsedMs() });
      });
    });
    exchange.end(request.body);
  });
}

function optionsOf(url: URL, request: HttpRequest): RequestOptions & { servername?: string } {
  const host = withoutBrackets(url.hostname);
  const defaultPort = url.protocol === "https:" ? 443 : 80;
  const body = request.body === undefined ? 0 : Buffer.byteLength(request.body);
  return {
    host: request.connect?.host ?? host,
    port: request.connect?.port ?? (url.port === "" ? defaultPort : Number(url.port)),
    path: `${url.pathname}${url.search}`,
    method: request.method ?? "GET",
    headers: {
      host: url.host,
      "user-agent": "pratique",
      ...(body > 0 ? { "content-length": String(body) } : {}),
      ...request.headers,
    },
    agent: false,
    // A name only: an address is no valid TLS server name.
    ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }),
    ...(request.anyCertificate === true ? { rejectUnauthorized: false } : {}),
  };
}

function collectBody(
  response: IncomingMessage,
  limitBytes: number,
  done: (body: { body: string; truncated: boolean } | null) => void,
): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const text = () => Buffer.concat(chunks).subarray(0, limitBytes).toString("utf8");
  response.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > limitBytes) done({ body: text(), truncated: true });
  });
  response.on("end", () => done({ body: text(), truncated: false }));
  response.on("error", () => done(null));
}

function plainHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const entries = Object.entries(headers).filter((entry) => entry[1] !== undefined);
  return Object.fromEntries(entries.map(([name, value]) => [name, String(value)]));
}

function withoutBrackets(host: string): string {
  return host.replace(/^\[|\]$/g, "");
}
