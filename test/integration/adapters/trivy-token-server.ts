/** A second Trivy server of the lab that asks for a token; it has no `/version`. */
import { cpSync } from "node:fs";
import { join } from "node:path";
import type { Lab } from "../../lab/lab-types.ts";
import { findPrograms } from "../../lab/programs.ts";
import { createServer, expectOk } from "../../lab/server-process.ts";

const PORT = 4960;

export interface TokenServer extends AsyncDisposable {
  readonly url: string;
}

/** The lab's Trivy program. */
export function trivyPath(): string {
  return findPrograms().trivy;
}

export async function openTokenServer(lab: Lab, token: string): Promise<TokenServer> {
  const cache = lab.folder("token-server");
  // Two servers would wait for each other at one cache.
  cpSync(join(lab.dir, "trivy", "db"), join(cache, "db"), { recursive: true });
  const address = `127.0.0.1:${PORT}`;
  const server = createServer({
    name: "trivy server with token",
    url: `http://${address}`,
    command: trivyPath(),
    args: ["server", "--cache-dir", cache, "--listen", address, "--skip-db-update"],
    environment: { PATH: "/usr/bin:/bin", HOME: cache, TRIVY_TOKEN: token },
    logFile: join(cache, "server.log"),
    probe: () => expectOk(`http://${address}/healthz`),
  });
  await server.start();
  return { url: server.url, [Symbol.asyncDispose]: () => server.kill() };
}
