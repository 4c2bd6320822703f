import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { NtfyMessage, NtfyServer } from "./lab-types.ts";
import { pollUntil } from "./poll-until.ts";
import type { Programs } from "./programs.ts";
import { createServer, expectOk } from "./server-process.ts";

const ADDRESS = "127.0.0.1:2586";

export function createNtfy(dir: string, programs: Programs): NtfyServer {
  mkdirSync(dir);
  const url = `http://${ADDRESS}`;
  const server = createServer({
    name: "ntfy",
    url,
    command: programs.ntfy,
    args: [
      "serve",
      ...["--config", "/dev/null"],
      ...["--listen-http", ADDRESS],
      ...["--base-url", url],
      ...["--cache-file", join(dir, "cache.db")],
      // Tests send faster than people.
      ...["--visitor-request-limit-burst", "1000000"],
    ],
    environment: { ...programs.libraryEnvironment, PATH: "/usr/bin:/bin", HOME: dir },
    logFile: join(dir, "ntfy.log"),
    probe: () => expectOk(`${url}/v1/health`),
  });

  async function messages(topic: string): Promise<NtfyMessage[]> {
    const answer = await fetch(`${url}/${topic}/json?poll=1&since=all`, {
      signal: AbortSignal.timeout(10_000),
    });
    const text = await answer.text();
    if (answer.status !== 200) throw new Error(`ntfy answers ${answer.status}: ${text}`);
    return text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as NtfyMessage & { event: string })
      .filter(({ event }) => event === "message");
  }

  return {
    ...server,
    messages,
    waitForMessages: (topic, isThere, timeoutMs = 10_000) =>
      pollUntil(`messages in ${topic}`, timeoutMs, async () => {
        const found = await messages(topic);
        return isThere(found) ? found : undefined;
      }),
  };
}
