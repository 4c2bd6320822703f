import { startDeadline } from "./deadline.ts";
import { engineAnswer } from "./engine-answer.ts";
import { readFrames } from "./frames.ts";
import type { Call, Transport } from "./transport.ts";

/** What is kept of the end, and how much is read at most to find it. */
const MAX_KEPT_BYTES = 64 * 1024;
const MAX_READ_BYTES = 16 * 1024 * 1024;

/** The last lines that a container wrote; empty where its log driver cannot be read. */
export async function logTail(
  transport: Transport,
  id: string,
  options: {
    lines: number;
    isTerminal: boolean;
    /** A time as the engine writes it; null: from the beginning. */
    since: string | null;
    timeoutMs: number;
  },
): Promise<string[]> {
  const { lines, since } = options;
  const call: Call = {
    method: "GET",
    path: `/containers/${encodeURIComponent(id)}/logs`,
    query: {
      ...{ stdout: "1", stderr: "1", tail: String(lines) },
      ...(since === null ? {} : { since: epochSeconds(since) }),
    },
  };
  const deadline = startDeadline({
    totalMs: options.timeoutMs,
    onTimeout: transport.timeout(call),
  });
  let kept = Buffer.alloc(0);
  let readBytes = 0;
  try {
    const stream = await transport.stream(call, deadline);
    // A terminal's log is one plain stream, without frames.
    const chunks = options.isTerminal ? (stream as AsyncIterable<Buffer>) : payloads(stream);
    for await (const chunk of chunks) {
      kept = Buffer.concat([kept, chunk]).subarray(-MAX_KEPT_BYTES);
      readBytes += chunk.length;
      if (readBytes > MAX_READ_BYTES) break;
    }
  } catch (error) {
    // 501: the log driver (none, syslog …) has nothing to read. That is an answer.
    if (engineAnswer(error)?.status === 501) return [];
    throw transport.explain(call, error, deadline);
  } finally {
    deadline.end();
  }
  const all = kept.toString("utf8").split(/\r?\n/);
  if (all.at(-1) === "") all.pop();
  return all.slice(-lines);
}

/** `2026-11-28T09:45:38.000000123Z` in seconds since the epoch, with all of its digits. */
function epochSeconds(time: string): string {
  const fraction = /\.(\d+)/.exec(time)?.[1] ?? "";
  return `${Math.floor(Date.parse(time) / 1000)}.${fraction.padEnd(9, "0")}`;
}

async function* payloads(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const { chunk } of readFrames(stream)) yield chunk;
}
