import { parseEndpoint } from "../locate.ts";
import { type Check, type CheckContext, healthy, unknown } from "./check.ts";
import { reach } from "./reach.ts";

/** Something accepts a connection at `host:port`. */
export function tcpCheck(context: CheckContext, where: string, isRequired: boolean): Check {
  const asked = `tcp ${where}`;
  return {
    name: asked,
    isRequired,
    run: async () => {
      const endpoint = parseEndpoint(where, null, "tcp");
      if (endpoint === null) return unknown(`${asked}: not host:port`);
      const result = await reach(context, asked, endpoint, ({ host, port }, timeoutMs) =>
        context.probes.tcp(host, port, timeoutMs),
      );
      if (result.kind === "lost") return result.outcome;
      return healthy(`${asked}: connected in ${Math.round(result.answer.durationMs)} ms`);
    },
  };
}
