import type { Server } from "node:http";
import { type HttpBindings, serve } from "@hono/node-server";
import type { Hono } from "hono";
import { LISTEN_FAILED } from "../errors.ts";

export interface RunningServer {
  /** `127.0.0.1:8585` */
  readonly address: string;
  /** Lets answers in hand go out for a moment, then closes every connection. */
  close(): Promise<void>;
}

/** Requests are small and answers quick: what takes longer is no friend. */
const LIMITS = {
  maxHeaderSize: 8 * 1024,
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  connectionsCheckingInterval: 2_000,
  keepAliveTimeout: 5_000,
} as const;
const MAX_CONNECTIONS = 64;
const GOODBYE_MS = 1_000;

/** Listens on `host:port`. Throws LISTEN_FAILED. */
export async function startServer(
  app: Hono<{ Bindings: HttpBindings }>,
  bind: string,
): Promise<RunningServer> {
  const colon = bind.lastIndexOf(":");
  const hostname = bind.slice(0, colon).replace(/^\[|\]$/g, "");
  const port = Number(bind.slice(colon + 1));
  return await new Promise((resolve, reject) => {
    const server = serve({ fetch: app.fetch, hostname, port, serverOptions: LIMITS }, () => {
      server.off("error", fail);
      resolve({ address: bind, close: () => close(server) });
    }) as Server;
    server.maxConnections = MAX_CONNECTIONS;
    const fail = (error: NodeJS.ErrnoException) =>
      reject(LISTEN_FAILED.because(error, bind, error.code ?? error.message));
    server.on("error", fail);
  });
}

async function close(server: Server): Promise<void> {
  const timer = setTimeout(() => server.closeAllConnections(), GOODBYE_MS);
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
  clearTimeout(timer);
}
