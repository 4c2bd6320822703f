import type { ProbeFailure } from "../../ports.ts";
import { failed, failureOf } from "./failure.ts";

/** Whether something accepts a connection; it is closed again at once. */
export async function probeTcp(
  host: string,
  port: number,
  timeoutMs: number,
): Promise<{ kind: "connected"; durationMs: number } | ProbeFailure> {
  const { connect } = await import("node:net");
  const startedMs = performance.now();
  const elapsedMs = () => performance.now() - startedMs;
  return await new Promise((resolve) => {
    const socket = connect({ host, port });
    const timer = setTimeout(() => finish(failed("timeout", elapsedMs())), timeoutMs);
    const finish = (result: { kind: "connected"; durationMs: number } | ProbeFailure) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(result);
    };
    socket.on("connect", () => finish({ kind: "connected", durationMs: elapsedMs() }));
    socket.on("error", (error) => finish(failureOf(error, elapsedMs())));
  });
}
