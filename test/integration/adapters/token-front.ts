/** A registry front with Bearer tokens, as Docker Hub and GHCR have them, before the lab's own. */
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";

export interface TokenFront extends AsyncDisposable {
  /** `127.0.0.1:5010` */
  readonly host: string;
  /** Query and Authorization of every token request; of a POST its form. */
  readonly tokenRequests: { query: URLSearchParams; authorization: string | undefined }[];
  /** Method, path and whether it carried a token that counts. */
  readonly registryRequests: { method: string; path: string; isLetIn: boolean }[];
  /** All tokens given so far stop counting. */
  revokeTokens(): void;
}

export interface TokenFrontOptions {
  port: number;
  registryUrl: string;
  /** Asked from the token service; without it everybody gets a token. */
  credentials?: { username: string; password: string } | { refreshToken: string };
  /** Default: left out, which means 60 s. */
  expiresInSeconds?: number;
  /** Default: `repository:<repository>:pull`. */
  scope?: (repository: string) => string;
}

export async function openTokenFront(options: TokenFrontOptions): Promise<TokenFront> {
  const host = `127.0.0.1:${options.port}`;
  const tokenRequests: TokenFront["tokenRequests"] = [];
  const registryRequests: TokenFront["registryRequests"] = [];
  const scopes = new Map<string, string>();
  let count = 0;

  async function giveToken(incoming: IncomingMessage, outgoing: ServerResponse) {
    const url = new URL(incoming.url ?? "", `http://${host}`);
    const isForm = incoming.method === "POST";
    const query = isForm ? new URLSearchParams(await readAll(incoming)) : url.searchParams;
    const { authorization } = incoming.headers;
    tokenRequests.push({ query, authorization });
    if (!isKnown(options.credentials, query, authorization)) {
      outgoing.writeHead(401).end('{"details":"incorrect username or password"}');
      return;
    }
    count += 1;
    const token = `token-${count}`;
    scopes.set(token, query.get("scope") ?? "");
    const life = options.expiresInSeconds;
    const answer = { [isForm ? "access_token" : "token"]: token, expires_in: life };
    outgoing.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
  }

  const server = createServer((incoming, outgoing) => {
    const path = incoming.url ?? "";
    const method = incoming.method ?? "";
    if (path.startsWith("/token")) {
      void giveToken(incoming, outgoing);
      return;
    }
    const repository = /^\/v2\/(.+)\/(?:manifests|blobs)\//.exec(path)?.[1] ?? "";
    const scope = options.scope?.(repository) ?? `repository:${repository}:pull`;
    const token = incoming.headers.authorization?.replace(/^Bearer /, "") ?? "";
    const isLetIn = scopes.get(token) === scope;
    if (path !== "/v2/") registryRequests.push({ method, path, isLetIn });
    if (isLetIn) {
      forward(incoming, outgoing, options.registryUrl);
      return;
    }
    const challenge = `Bearer realm="http://${host}/token",service="lab",scope="${scope}"`;
    outgoing.writeHead(401, { "www-authenticate": challenge }).end();
  });
  server.unref();
  await new Promise<void>((resolve) => server.listen(options.port, "127.0.0.1", resolve));
  return {
    host,
    tokenRequests,
    registryRequests,
    revokeTokens: () => scopes.clear(),
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

function isKnown(
  wanted: TokenFrontOptions["credentials"],
  query: URLSearchParams,
  authorization: string | undefined,
): boolean {
  if (wanted === undefined) return true;
  if ("refreshToken" in wanted) return query.get("refresh_token") === wanted.refreshToken;
  const pair = Buffer.from(`${wanted.username}:${wanted.password}`).toString("base64");
  return authorization === `Basic ${pair}`;
}

function forward(incoming: IncomingMessage, outgoing: ServerResponse, registryUrl: string): void {
  const { authorization: _, ...headers } = incoming.headers;
  const target = new URL(incoming.url ?? "", registryUrl);
  const onward = request(target, { method: incoming.method, headers, agent: false }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(outgoing);
  });
  onward.on("error", () => outgoing.destroy());
  incoming.pipe(onward);
}

async function readAll(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}
