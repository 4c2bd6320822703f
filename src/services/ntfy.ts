import type { HttpRequest } from "../ports.ts";
import { type Check, type CheckContext, healthy, unhealthy, unknown } from "./checks/check.ts";
import { askHttp, expectingJson, httpCheck } from "./checks/http.ts";
import { baseUrl, defineService, isServerOf, namedLike } from "./define-service.ts";

const PORT = { port: 80, env: ["NTFY_LISTEN_HTTP"] };
/** ntfy allows 60 requests at once and one every 5 s after that (conventions, section 5.3). */
const PAUSE_MS = 5000;
const READ_TRIES = 5;
const READ_PAUSE_MS = 300;

/**
 * ntfy: says that it is healthy, and gives back a message that was published. The message goes to
 * a topic of its own with the lowest priority; nobody subscribes to it.
 */
export const ntfy = defineService({
  name: "ntfy",
  matches: namedLike(/^ntfy$/),
  routine: (context) => [health(context), delivery(context)],
});

function health(context: CheckContext): Check {
  return httpCheck(context, {
    isRequired: true,
    request: { url: `${baseUrl(context, PORT)}/v1/health` },
    judge: expectingJson((body) =>
      (body as { healthy?: unknown }).healthy === true ? null : "it does not say healthy",
    ),
  });
}

function delivery(context: CheckContext): Check {
  return {
    name: "publish and read back",
    isRequired: true,
    pauseMs: PAUSE_MS,
    run: async () => {
      const topic = `${baseUrl(context, PORT)}/${checkTopic(context)}`;
      const headers = authorization(context);
      const published = await askHttp(context, publication(topic, headers));
      if (published.kind === "lost") return published.outcome;
      const { status, body } = published.answer;
      if (status === 401 || status === 403) {
        return unknown(`publish: ${status}, the token may not write to ${checkTopic(context)}`);
      }
      const message = status === 200 ? messagesIn(body)[0] : undefined;
      if (message === undefined) return unhealthy(`publish: answered ${status}`);
      return await readBack(
        context,
        `${topic}/json?poll=1&since=${message.time}`,
        message.id,
        headers,
      );
    },
  };
}

function publication(url: string, headers: Record<string, string>): HttpRequest {
  return {
    url,
    method: "POST",
    body: "pratique checks that messages arrive",
    // Not forwarded to phones.
    headers: { ...headers, priority: "min", tags: "pratique", firebase: "no" },
  };
}

async function readBack(
  context: CheckContext,
  url: string,
  id: string,
  headers: Record<string, string>,
) {
  for (let left = READ_TRIES; left > 0; left -= 1) {
    const read = await askHttp(context, { url, headers });
    if (read.kind === "lost") return read.outcome;
    const { status, body } = read.answer;
    if (status === 401 || status === 403) {
      return unknown(`read back: ${status}, the message was accepted but may not be read`);
    }
    if (messagesIn(body).some((message) => message.id === id)) {
      return healthy(`publish and read back: message ${id} is on the server`);
    }
    await context.clock.sleep(READ_PAUSE_MS);
  }
  return unhealthy(`read back: the server accepted message ${id} and does not have it`);
}

interface Published {
  id: string;
  time: number;
}

/** One JSON object a line, as ntfy answers both to publishing and to polling. */
function messagesIn(body: string): Published[] {
  return body.split("\n").flatMap((line) => {
    try {
      const { id, time } = JSON.parse(line) as Partial<Published>;
      return typeof id === "string" && typeof time === "number" ? [{ id, time }] : [];
    } catch {
      return [];
    }
  });
}

/** Beside the topic that people read, so that one access rule with `*` covers both. */
function checkTopic(context: CheckContext): string {
  const { ntfy: settings } = context.config.notify;
  return settings !== null && isNotifier(context) ? `${settings.topic}-check` : "pratique-check";
}

/** The notifier's token goes to the notifier's own server only. */
function authorization(context: CheckContext): Record<string, string> {
  const { username, password } = context.settings;
  if (username !== null && password !== null) {
    const pair = Buffer.from(`${username}:${password.reveal()}`).toString("base64");
    return { authorization: `Basic ${pair}` };
  }
  const token = password ?? (isNotifier(context) ? context.config.notify.ntfy?.token : null);
  return token === null || token === undefined ? {} : { authorization: `Bearer ${token.reveal()}` };
}

function isNotifier(context: CheckContext): boolean {
  const { ntfy: settings } = context.config.notify;
  return settings !== null && isServerOf(settings.url, context);
}
