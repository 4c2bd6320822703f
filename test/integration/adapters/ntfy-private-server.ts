/** A second ntfy server of the lab that lets in nobody without a token. */
import { join } from "node:path";
import type { Lab } from "../../lab/lab-types.ts";
import { findPrograms } from "../../lab/programs.ts";
import { runProgram } from "../../lab/run-program.ts";
import { createServer, expectOk } from "../../lab/server-process.ts";

const ADDRESS = "127.0.0.1:2590";

export interface PrivateNtfy extends AsyncDisposable {
  readonly url: string;
  /** May read and write the topic. */
  readonly token: string;
  /** May only write to it. */
  readonly writeOnlyToken: string;
}

export async function openPrivateNtfy(lab: Lab, topic: string): Promise<PrivateNtfy> {
  const programs = findPrograms();
  const folder = lab.folder("private-ntfy");
  const authFile = join(folder, "user.db");
  const environment = { ...programs.libraryEnvironment, PATH: "/usr/bin:/bin", HOME: folder };
  const server = createServer({
    name: "private ntfy",
    url: `http://${ADDRESS}`,
    command: programs.ntfy,
    args: [
      "serve",
      ...["--config", "/dev/null", "--listen-http", ADDRESS, "--base-url", `http://${ADDRESS}`],
      ...["--cache-file", join(folder, "cache.db"), "--visitor-request-limit-burst", "12"],
      ...["--auth-file", authFile, "--auth-default-access", "deny-all"],
    ],
    environment,
    logFile: join(folder, "ntfy.log"),
    probe: () => expectOk(`http://${ADDRESS}/v1/health`),
  });
  await server.start();

  const ntfy = (args: string[], password?: string) =>
    runProgram(programs.ntfy, args, {
      environment: { ...environment, NTFY_AUTH_FILE: authFile, NTFY_PASSWORD: password },
    });
  async function makeToken(user: string, access: string): Promise<string> {
    await ntfy(["user", "--auth-file", authFile, "add", user], "password");
    await ntfy(["access", "--auth-file", authFile, user, topic, access]);
    const { stdout, stderr } = await ntfy(["token", "--auth-file", authFile, "add", user]);
    const token = /tk_\w+/.exec(stdout + stderr)?.[0];
    if (token === undefined) throw new Error(`ntfy made no token: ${stdout} ${stderr}`);
    return token;
  }
  return {
    url: server.url,
    token: await makeToken("both", "read-write"),
    writeOnlyToken: await makeToken("writer", "write-only"),
    [Symbol.asyncDispose]: () => server.kill(),
  };
}
