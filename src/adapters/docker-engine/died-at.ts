import { isObject } from "./answers.ts";
import { startDeadline } from "./deadline.ts";
import { readJsonLines } from "./json-lines.ts";
import type { Call, Transport } from "./transport.ts";

/** Differences below this come from the one-second steps of the Date header. */
const CLOCK_STEP_MS = 2_000;

/**
 * When the container first died after `sinceMs`, on our clock, from the engine's event memory (the
 * last 256 events); null where it is not in there. The engine's own clock bounds the question, so
 * that a host whose clock differs neither hides the event nor keeps the stream open.
 */
export async function diedAt(
  transport: Transport,
  id: string,
  sinceMs: number,
  timeoutMs: number,
): Promise<number | null> {
  const { headers } = await transport.call({ method: "GET", path: "/_ping" });
  const engineMs = Date.parse(headers.date ?? "");
  const ownMs = Date.now();
  const untilMs = (Number.isNaN(engineMs) ? ownMs : engineMs) + 1000;
  const aheadMs = Math.abs(engineMs - ownMs) > CLOCK_STEP_MS ? engineMs - ownMs : 0;
  const call: Call = {
    method: "GET",
    path: "/events",
    query: {
      since: seconds(sinceMs + aheadMs),
      until: seconds(untilMs),
      filters: JSON.stringify({ type: ["container"], event: ["die"], container: [id] }),
    },
  };
  const deadline = startDeadline({ totalMs: timeoutMs, onTimeout: transport.timeout(call) });
  try {
    const stream = await transport.stream(call, deadline);
    for await (const event of readJsonLines(stream)) {
      if (isObject(event) && typeof event.timeNano === "number") {
        return event.timeNano / 1e6 - aheadMs;
      }
    }
    return null;
  } catch (error) {
    throw transport.explain(call, error, deadline);
  } finally {
    deadline.end();
  }
}

/** Seconds and nanoseconds, as the engine parses them. */
function seconds(timeMs: number): string {
  const whole = Math.floor(timeMs / 1000);
  const nanoseconds = Math.floor((timeMs - whole * 1000) * 1e6);
  return `${whole}.${String(nanoseconds).padStart(9, "0")}`;
}
