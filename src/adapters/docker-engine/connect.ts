import { readFile } from "node:fs/promises";
import { connect as connectSocket } from "node:net";
import type { Duplex } from "node:stream";
import type { Endpoint } from "./endpoint.ts";

/** PEM files of a tcp endpoint. */
export interface TlsFiles {
  ca: string;
  cert: string;
  key: string;
}

export type Connect = () => Duplex;

const CONNECT_MS = 15_000;

/**
 * How a connection to this endpoint is opened. TLS and SSH are loaded and prepared here, once, so
 * that opening itself is immediate, as node:http wants it.
 */
export async function prepareConnect(endpoint: Endpoint, tls: TlsFiles | null): Promise<Connect> {
  if (endpoint.kind === "unix") return () => connectSocket({ path: endpoint.path });
  if (endpoint.kind === "ssh") {
    const { connectBySsh } = await import("./ssh-socket.ts");
    return () => connectBySsh(endpoint);
  }
  const { host, port } = endpoint;
  if (tls === null) return () => bounded(connectSocket({ host, port }));
  const [{ connect: connectTls, createSecureContext }, { isIP }] = await Promise.all([
    import("node:tls"),
    import("node:net"),
  ]);
  const [ca, cert, key] = await Promise.all([
    readFile(tls.ca),
    readFile(tls.cert),
    readFile(tls.key),
  ]);
  const secureContext = createSecureContext({ ca, cert, key });
  // A server name must not be an address (RFC 6066); the certificate is checked against `host`.
  const servername = isIP(host) === 0 ? host : "";
  return () => {
    const socket = connectTls({ host, port, servername, secureContext });
    bounded(socket);
    return socket;
  };
}

/** Gives up on a host that never answers the connection attempt. */
function bounded<Socket extends ReturnType<typeof connectSocket>>(socket: Socket): Socket {
  const timer = setTimeout(() => {
    socket.destroy(new Error(`no connection within ${CONNECT_MS / 1000} s`));
  }, CONNECT_MS);
  socket.once("connect", () => clearTimeout(timer));
  socket.once("close", () => clearTimeout(timer));
  return socket;
}
