import type { Notifier } from "../ports.ts";
import {
  type Channel,
  dueMessages,
  giveUpChannel,
  markDelivered,
  markFailedAttempt,
  nextDueMs,
} from "../state/outbox.ts";
import type { RunContext } from "./context.ts";
import { quietly } from "./quietly.ts";

/** How long a run stays to empty the outbox when the server does not answer. */
export const STAY_MS = 5 * 60_000;
const PAUSE_MS = 1000;

/**
 * Delivers what is due, in order per container, until nothing waits or the time is over. An
 * unreachable server is no failure of anything: the next command of any kind goes on. So does it
 * after a delivery that a full disk keeps no record of; that message then arrives twice. Returns
 * how many were delivered.
 */
export async function sendOutbox(context: RunContext, stayMs: number): Promise<number> {
  const { notifier, fallbackNotifier } = context.ports;
  let delivered = 0;
  if (fallbackNotifier === null) {
    await quietly(context, async () => giveUpChannel(context.state, "fallback"));
  }
  await quietly(context, async () => {
    const sending = [sendChannel("main", notifier, stayMs, context)];
    // The fallback is for when the main server is away: it does not wait for that one.
    if (fallbackNotifier !== null) {
      sending.push(sendChannel("fallback", fallbackNotifier, stayMs, context));
    }
    for (const result of await Promise.allSettled(sending)) {
      if (result.status === "rejected") throw result.reason;
      delivered += result.value;
    }
  });
  return delivered;
}

async function sendChannel(
  channel: Channel,
  notifier: Notifier,
  stayMs: number,
  context: RunContext,
): Promise<number> {
  const { state, ports, stop } = context;
  const deadlineMs = ports.clock.monotonicMs() + stayMs;
  let delivered = 0;
  for (;;) {
    const sent = await sendDue(channel, notifier, context);
    delivered += sent.delivered;
    const next = nextDueMs(state, channel);
    if (next === null) return delivered;
    const pauseMs = sent.isServerThere ? 0 : PAUSE_MS;
    const waitMs = Math.max(pauseMs, next - state.now());
    if (ports.clock.monotonicMs() + waitMs > deadlineMs || stop.aborted) return delivered;
    await ports.clock.sleep(waitMs, stop).catch(() => {});
  }
}

/** What is due now, one by one; a server that does not take one is not asked about the others. */
async function sendDue(
  channel: Channel,
  notifier: Notifier,
  context: RunContext,
): Promise<{ delivered: number; isServerThere: boolean }> {
  const { state } = context;
  let delivered = 0;
  for (;;) {
    const [due] = dueMessages(state, { channel, limit: 1 });
    if (due === undefined) return { delivered, isServerThere: true };
    const { id, message } = due;
    const answer = await notifier.deliver(message);
    context.audit.write({ event: "message", id, channel, outcome: answer.kind });
    if (answer.kind === "delivered") {
      markDelivered(state, id, answer.serverId, channel);
      delivered += 1;
      continue;
    }
    const isRefused = answer.kind === "refused";
    const retryAfterMs = answer.kind === "retry" ? answer.retryAfterMs : null;
    markFailedAttempt(state, id, { why: answer.why, isRefused, retryAfterMs, channel });
    if (!isRefused) return { delivered, isServerThere: false };
  }
}
