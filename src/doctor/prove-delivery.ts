import { randomUUID } from "node:crypto";
import type { Message, Notifier } from "../ports.ts";

export interface DeliveryProof {
  verdict: "ok" | "warn" | "fail";
  found: string;
  fix: string | null;
  /** The server could not be asked, so nothing is known about what it has. */
  isUnreachable: boolean;
}

/** Sends one message and asks the server whether it has it. Never throws for the server. */
export async function proveDelivery(
  notifier: Notifier,
  message: Omit<Message, "id" | "click">,
): Promise<DeliveryProof> {
  const delivery = await notifier.deliver({ ...message, id: randomUUID(), click: null });
  if (delivery.kind === "refused") {
    return {
      verdict: "fail",
      found: `the server refused the message: ${delivery.why}`,
      fix: "correct notify.ntfy.topic and notify.ntfy.token; the token needs write access",
      isUnreachable: false,
    };
  }
  if (delivery.kind === "retry") {
    return {
      verdict: "fail",
      found: `the message could not be delivered: ${delivery.why}`,
      fix: "correct notify.ntfy.url, or start the ntfy server",
      isUnreachable: true,
    };
  }
  const answers = {
    found: { verdict: "ok", found: "the message was sent and read back", fix: null },
    missing: {
      verdict: "fail",
      found: "the server accepted the message but does not have it",
      fix: "check the server's message cache (cache-file, cache-duration)",
    },
    "not-permitted": {
      verdict: "warn",
      found: "the message was accepted; this token may not read it back",
      fix: "give the token read access to the topic, if delivery is to be proved",
    },
    unreachable: {
      verdict: "warn",
      found: "the message was accepted; then the server could not be asked",
      fix: "check the ntfy server",
    },
  } as const;
  const answer = answers[await notifier.readBack(delivery.serverId)];
  return { ...answer, isUnreachable: false };
}
