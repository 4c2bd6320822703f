import type { Delivery, Message, Notifier } from "../../ports.ts";
import type { Secret } from "../../values/secret.ts";
import { fetchBounded } from "../system/fetch-bounded.ts";

const TIMEOUT_MS = 10_000;
const MAX_ANSWER_BYTES = 64 * 1024;

/** A webhook that gets urgent events as JSON: `{id, title, message, priority, tags}`. */
export function createWebhookNotifier(url: Secret): Notifier {
  return {
    async deliver({ id, title, body, priority, tags }: Message): Promise<Delivery> {
      const answer = await fetchBounded(
        new URL(url.reveal()),
        {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ id, title, message: body, priority, tags }),
        },
        { timeoutMs: TIMEOUT_MS, maxBytes: MAX_ANSWER_BYTES },
      );
      if (answer.kind !== "answer") return { kind: "retry", why: answer.why, retryAfterMs: null };
      if (answer.status < 300) return { kind: "delivered", serverId: id };
      const why = `the webhook answered ${answer.status}`;
      const isPassing = answer.status === 429 || answer.status >= 500;
      return isPassing ? { kind: "retry", why, retryAfterMs: null } : { kind: "refused", why };
    },
    /** A webhook keeps nothing that could be read back. */
    async readBack() {
      return "not-permitted";
    },
  };
}
