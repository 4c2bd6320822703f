import type { HttpAnswer } from "../ports.ts";
import { type Check, type CheckContext, type Outcome, unhealthy, unknown } from "./checks/check.ts";
import { askHttp, describe, expectingJson, judged } from "./checks/http.ts";
import { baseUrl, defineService, namedLike } from "./define-service.ts";

const PORT = { port: 9091 };
const SESSION_HEADER = "x-transmission-session-id";

/** Transmission: the RPC hands out a session id (409) and answers session-get with it. */
export const transmission = defineService({
  name: "transmission",
  matches: namedLike(/^transmission(-daemon)?$/),
  routine: (context) => [sessionCheck(context)],
});

function sessionCheck(context: CheckContext): Check {
  const base = baseUrl(context, PORT);
  const url = /\/rpc$/.test(base) ? base : `${base}/transmission/rpc`;
  const asked = describe({ url, method: "POST" });
  return {
    name: "RPC session",
    isRequired: true,
    run: async () => {
      const first = await ask(context, url, {});
      if (first.kind === "lost") return first.outcome;
      const denied = outcomeOfDenial(asked, first.answer);
      if (denied !== null) return denied;
      const session = first.answer.headers[SESSION_HEADER];
      if (first.answer.status !== 409 || session === undefined) {
        return unhealthy(`${asked}: ${first.answer.status}, expected 409 with a session id`);
      }
      const second = await ask(context, url, { [SESSION_HEADER]: session });
      if (second.kind === "lost") return second.outcome;
      return judged(context, `${asked} session-get`, second.answer, expectingJson(isSuccess));
    },
  };
}

function ask(context: CheckContext, url: string, headers: Record<string, string>) {
  const { username, password } = context.settings;
  const pair = `${username ?? ""}:${password?.reveal() ?? ""}`;
  const authorization =
    username === null && password === null
      ? {}
      : { authorization: `Basic ${Buffer.from(pair).toString("base64")}` };
  return askHttp(context, {
    url,
    method: "POST",
    body: JSON.stringify({ method: "session-get" }),
    // Its host white list always has localhost, and never the container's name.
    headers: {
      host: "localhost",
      "content-type": "application/json",
      ...authorization,
      ...headers,
    },
  });
}

/** These say that we may not look, not that it is ill. */
function outcomeOfDenial(asked: string, { status }: HttpAnswer): Outcome | null {
  if (status === 401) return unknown(`${asked}: 401, set username and password`);
  if (status === 403) return unknown(`${asked}: 403, its rpc-whitelist does not allow pratique`);
  return null;
}

function isSuccess(body: unknown): string | null {
  const { result } = body as { result?: unknown };
  return result === "success" ? null : `its result is ${JSON.stringify(result)}`;
}
