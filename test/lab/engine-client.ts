import { request } from "node:http";

export interface EngineAnswer {
  status: number;
  body: Buffer;
}

/** One request to an engine; rejects where there is none, or when it is aborted. */
export type EngineClient = (
  method: "GET" | "POST" | "DELETE",
  path: string,
  content?: unknown,
) => Promise<EngineAnswer>;

/** No answer to a test is longer; see run-program.ts. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/** Asks the Engine's API in its newest version, which is what the docker program agrees on with it. */
export function createEngineClient(socketPath: string, signal: AbortSignal): EngineClient {
  return (method, path, content) =>
    new Promise((resolve, reject) => {
      const text = content === undefined ? "" : JSON.stringify(content);
      const headers = {
        "content-length": Buffer.byteLength(text),
        ...(content === undefined ? {} : { "content-type": "application/json" }),
      };
      const asking = request(
        { socketPath, method, path, headers, signal, agent: false },
        (answer) => {
          const chunks: Buffer[] = [];
          let sizeBytes = 0;
          answer.on("data", (chunk: Buffer) => {
            chunks.push(chunk);
            sizeBytes += chunk.length;
            if (sizeBytes > MAX_ANSWER_BYTES) answer.destroy(new Error(`${path} says too much`));
          });
          answer.once("error", reject);
          answer.once("end", () =>
            resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks) }),
          );
        },
      );
      asking.once("error", reject);
      asking.end(text);
    });
}
