/** Where an engine listens. */
export type Endpoint =
  | { kind: "unix"; path: string }
  | { kind: "tcp"; host: string; port: number }
  | { kind: "ssh"; host: string; port: string | null; user: string | null };

const TLS_PORT = 2376;
const PLAIN_PORT = 2375;

/**
 * Parses `unix:///path`, `tcp://host:port`, `http(s)://host:port` and `ssh://user@host:port` as the
 * Docker CLI does (ports 2375 and 2376 where none is given); null for anything else.
 */
export function parseEndpoint(text: string, hasTls: boolean): Endpoint | null {
  if (text.startsWith("unix://")) {
    const path = text.slice("unix://".length);
    return path.startsWith("/") ? { kind: "unix", path } : null;
  }
  const url = URL.parse(text.replace(/^tcp:\/\//, "http://"));
  if (url === null || url.hostname === "" || url.password !== "") return null;
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (url.protocol === "ssh:") {
    const user = url.username === "" ? null : decodeURIComponent(url.username);
    return { kind: "ssh", host, port: url.port === "" ? null : url.port, user };
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") return null;
  const isTls = hasTls || url.protocol === "https:";
  // URL drops a scheme's default port, which is not the engine's: it is taken from the text.
  const written = /:([0-9]+)\/?$/.exec(text)?.[1];
  const port = written === undefined ? (isTls ? TLS_PORT : PLAIN_PORT) : Number(written);
  return { kind: "tcp", host, port };
}
