import { mkdirSync, readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer as createHttpServer, request, type Server } from "node:http";
import { join } from "node:path";
import { ADVISORIES } from "./advisories.ts";
import type { LabServer, TrivyServer } from "./lab-types.ts";
import type { Programs } from "./programs.ts";
import { createServer, expectOk } from "./server-process.ts";
import { writeDatabase, writeMetadata } from "./trivy-database.ts";

const FRONT_PORT = 4954;
const BACK_PORT = 4955;
const HOUR_MS = 60 * 60_000;

type VersionAnswer = "database" | "no-database" | "missing";

/**
 * A Trivy server on the lab's own database. The binary is older than the endpoint `/version`, so
 * a front answers that from metadata.json and forwards everything else, for which it starts the
 * server: a second of a processor that many tests never need.
 */
export function createTrivy(
  dir: string,
  programs: Programs,
  token: string | undefined,
): TrivyServer {
  mkdirSync(dir);
  let versionAnswer: VersionAnswer = "database";
  writeDatabase(dir, ADVISORIES);
  writeMetadata(dir, new Date(Date.now() - HOUR_MS));

  const back = createBack(dir, programs, token);
  const answerVersion = (response: ServerResponse) => {
    const database = JSON.parse(readFileSync(join(dir, "db", "metadata.json"), "utf8"));
    if (versionAnswer === "missing") return response.writeHead(404).end();
    response.writeHead(200, { "content-type": "application/json" });
    const body = {
      Version: "dev",
      ...(versionAnswer === "database" && { VulnerabilityDB: database }),
    };
    return response.end(`${JSON.stringify(body)}\n`);
  };
  let front: Server | undefined;
  let backStart: Promise<void> | undefined;

  async function start(): Promise<void> {
    const startBack = () => {
      backStart ??= back.start();
      return backStart;
    };
    front = await openFront(answerVersion, startBack);
  }
  async function end(stopBack: () => Promise<void>): Promise<void> {
    const ending = front;
    front = undefined;
    await backStart?.catch(() => undefined);
    backStart = undefined;
    if (ending !== undefined) {
      const closed = new Promise<void>((resolve) => ending.close(() => resolve()));
      ending.closeAllConnections();
      await closed;
    }
    await stopBack();
  }
  const isRunning = () => front !== undefined;

  return {
    url: `http://127.0.0.1:${FRONT_PORT}`,
    log: back.log,
    start,
    stop: () => end(back.stop),
    kill: () => end(back.kill),
    async restart() {
      await end(back.stop);
      await start();
    },
    async setDatabase(change) {
      if (change.versionAnswer !== undefined) versionAnswer = change.versionAnswer;
      if (change.updatedAt !== undefined) writeMetadata(dir, change.updatedAt);
      if (change.advisories === undefined) return;
      // The server keeps the file open: it sees a new one only after a restart.
      const wasRunning = isRunning();
      await end(back.kill);
      writeDatabase(dir, change.advisories);
      if (wasRunning) await start();
    },
  };
}

function createBack(dir: string, programs: Programs, token: string | undefined): LabServer {
  const address = `127.0.0.1:${BACK_PORT}`;
  return createServer({
    name: "trivy server",
    url: `http://${address}`,
    command: programs.trivy,
    args: ["server", "--cache-dir", dir, "--listen", address, "--skip-db-update"],
    environment: {
      PATH: "/usr/bin:/bin",
      HOME: dir,
      // Newer binaries look for newer ones unless told not to.
      TRIVY_SKIP_VERSION_CHECK: "true",
      ...(token === undefined ? {} : { TRIVY_TOKEN: token }),
    },
    logFile: join(dir, "trivy-server.log"),
    probe: () => expectOk(`http://${address}/healthz`),
  });
}

async function openFront(
  answerVersion: (response: ServerResponse) => void,
  startBack: () => Promise<void>,
): Promise<Server> {
  const server = createHttpServer((incoming, outgoing) => {
    if (incoming.url === "/version") answerVersion(outgoing);
    else {
      startBack().then(
        () => forward(incoming, outgoing),
        // With the end of its log, for whoever looks at why a test failed.
        (error: Error) => outgoing.writeHead(502).end(error.message),
      );
    }
  });
  server.unref();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(FRONT_PORT, "127.0.0.1", resolve);
  });
  return server;
}

function forward(incoming: IncomingMessage, outgoing: ServerResponse): void {
  const { method, url: path, headers } = incoming;
  const onward = request(
    { host: "127.0.0.1", port: BACK_PORT, method, path, headers, agent: false },
    (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    },
  );
  onward.on("error", () => outgoing.destroy());
  incoming.pipe(onward);
}
