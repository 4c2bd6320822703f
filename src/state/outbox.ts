// Invariants: a message is written in the transaction of what it tells; its id is the same on
// every attempt; messages of one container leave in their order; none is dropped before 7 days.

import { deliveryDelayMs } from "../policy/back-off.ts";
import type { Message } from "../ports.ts";
import { jsonOf, numberOf, numberOrNull, textOf, textOrNull } from "./columns.ts";
import { invariant } from "./invariant.ts";
import type { Row, State } from "./state.ts";

/** How long an undeliverable message is tried. */
const KEEP_TRYING_MS = 7 * 24 * 3_600_000;

/** A delivery takes at most 10 s (the notifier's bound); a crash in between costs this long. */
const LEASE_MS = 15_000;

export type Channel = "main" | "fallback";

export interface NewMessage {
  /** The event's name, `update-success`. */
  event: string;
  /** Null for messages about the whole run. */
  container: string | null;
  message: Omit<Message, "id">;
  /** The same event enqueued again under the same key (recovery) stays one message. */
  key?: string;
  /** `main` unless told otherwise; urgent events also go to `fallback` where one is configured. */
  channels?: readonly Channel[];
}

export interface OutboxMessage {
  id: string;
  channel: Channel;
  event: string;
  container: string | null;
  message: Message;
  createdAtMs: number;
  attempts: number;
  nextAttemptMs: number;
  lastError: string | null;
  deliveredAtMs: number | null;
  serverId: string | null;
  givenUpAtMs: number | null;
}

/**
 * Puts a message in the outbox and returns its id. Call it inside the transaction of the state
 * change that it tells (I6).
 */
export function enqueueMessage(state: State, message: NewMessage): string {
  return state.transaction(() => {
    const existing = message.key === undefined ? null : idOfKey(state, message.key);
    if (existing !== null) return existing;
    const now = state.now();
    const id = textOf(state.database.prepare("SELECT lower(hex(randomblob(8))) AS id").get()?.id);
    const insert = state.database.prepare(
      `INSERT INTO outbox (id, channel, key, event, container, message, created_at_ms,
         next_attempt_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    const content = JSON.stringify({ id, ...message.message });
    for (const channel of message.channels ?? ["main"]) {
      const key = message.key ?? null;
      insert.run(id, channel, key, message.event, message.container, content, now, now);
    }
    return id;
  });
}

/**
 * Takes the messages to deliver now, at most one per container and the oldest first, so that order
 * is kept (a run's summary comes after all before it): deliver, mark, ask again. One that the server refused does not hold up its successors.
 * What is taken is not given to another process until it is marked or `LEASE_MS` have passed.
 */
export function dueMessages(
  state: State,
  options: { channel?: Channel; limit?: number } = {},
): OutboxMessage[] {
  return state.transaction(() => {
    const due = listDue(state, options.channel ?? "main", options.limit ?? 50);
    const take = state.database.prepare("UPDATE outbox SET next_attempt_ms = ? WHERE position = ?");
    for (const row of due) take.run(state.now() + LEASE_MS, numberOf(row.position));
    return due.map(toMessage);
  });
}

function listDue(state: State, channel: Channel, limit: number): Row[] {
  return state.database
    .prepare(
      `SELECT * FROM outbox AS due
       WHERE channel = :channel AND delivered_at_ms IS NULL AND given_up_at_ms IS NULL
         AND next_attempt_ms <= :now AND NOT EXISTS (
           SELECT 1 FROM outbox AS earlier
           WHERE earlier.channel = due.channel
             AND (earlier.container IS due.container OR due.container IS NULL)
             AND earlier.position < due.position AND earlier.delivered_at_ms IS NULL
             AND earlier.given_up_at_ms IS NULL AND earlier.refused = 0)
       ORDER BY position LIMIT :limit`,
    )
    .all({ channel, now: state.now(), limit });
}

/** What was sent and is not known to be would be sent again: that is worth the reserve. */
const ESSENTIAL = { isEssential: true };

/** Records that the server has the message; false when that was known already. */
export function markDelivered(
  state: State,
  id: string,
  serverId: string,
  channel: Channel = "main",
): boolean {
  return state.transaction(() => {
    const { changes } = state.database
      .prepare(
        `UPDATE outbox SET delivered_at_ms = ?, server_id = ?, attempts = attempts + 1,
           last_error = NULL, given_up_at_ms = NULL
         WHERE id = ? AND channel = ? AND delivered_at_ms IS NULL`,
      )
      .run(state.now(), serverId, id, channel);
    return changes === 1;
  }, ESSENTIAL);
}

/**
 * Records an attempt that failed and when to try again (back-off, or the server's own wish).
 * After 7 days the message is given up: kept, counted, no longer tried. Null when it has been
 * delivered meanwhile.
 */
export function markFailedAttempt(
  state: State,
  id: string,
  failure: {
    why: string;
    /** The server said no: its successors no longer wait for it. */
    isRefused: boolean;
    retryAfterMs: number | null;
    channel?: Channel;
  },
): OutboxMessage | null {
  return state.transaction(() => {
    const channel = failure.channel ?? "main";
    const former = findMessage(state, id, channel);
    invariant(former !== null, `there is no message ${id}`);
    if (former.deliveredAtMs !== null) return null;
    const now = state.now();
    const delayMs = deliveryDelayMs(former.attempts + 1, failure.retryAfterMs);
    const isTooOld = now - former.createdAtMs >= KEEP_TRYING_MS;
    state.database
      .prepare(
        `UPDATE outbox SET attempts = attempts + 1, next_attempt_ms = ?, last_error = ?,
           refused = ?, given_up_at_ms = ? WHERE id = ? AND channel = ?`,
      )
      .run(
        now + delayMs,
        failure.why,
        Number(failure.isRefused),
        isTooOld ? now : null,
        id,
        channel,
      );
    const updated = findMessage(state, id, channel);
    invariant(updated?.attempts === former.attempts + 1, "the attempt was counted");
    return updated;
  }, ESSENTIAL);
}

/** Gives up what waits for a server that the configuration no longer names: nobody would take it. */
export function giveUpChannel(state: State, channel: Channel): void {
  if (pendingCount(state, channel) === 0) return;
  state.transaction(() => {
    state.database
      .prepare(
        `UPDATE outbox SET given_up_at_ms = ?, last_error = 'no longer configured'
         WHERE channel = ? AND delivered_at_ms IS NULL AND given_up_at_ms IS NULL`,
      )
      .run(state.now(), channel);
  });
}

/** Messages that still wait for delivery. */
export function pendingCount(state: State, channel: Channel = "main"): number {
  const row = state.database
    .prepare(
      `SELECT count(*) AS pending FROM outbox
       WHERE channel = ? AND delivered_at_ms IS NULL AND given_up_at_ms IS NULL`,
    )
    .get(channel);
  return numberOf(row?.pending);
}

/** Whether a message waits that may be tried now, on any channel. */
export function isDeliveryDue(state: State): boolean {
  return (["main", "fallback"] as const).some((channel) => {
    const dueMs = nextDueMs(state, channel);
    return dueMs !== null && dueMs <= state.now();
  });
}

/** When the next waiting message may be tried; null when none waits. */
export function nextDueMs(state: State, channel: Channel = "main"): number | null {
  const row = state.database
    .prepare(
      `SELECT min(next_attempt_ms) AS next FROM outbox
       WHERE channel = ? AND delivered_at_ms IS NULL AND given_up_at_ms IS NULL`,
    )
    .get(channel);
  return numberOrNull(row?.next);
}

export function findMessage(
  state: State,
  id: string,
  channel: Channel = "main",
): OutboxMessage | null {
  const row = state.database
    .prepare("SELECT * FROM outbox WHERE id = ? AND channel = ?")
    .get(id, channel);
  return row === undefined ? null : toMessage(row);
}

/** Messages, newest first, delivered ones included. */
export function listMessages(state: State, limit = 50): OutboxMessage[] {
  return state.database
    .prepare("SELECT * FROM outbox ORDER BY position DESC LIMIT ?")
    .all(limit)
    .map(toMessage);
}

function idOfKey(state: State, key: string): string | null {
  const row = state.database.prepare("SELECT id FROM outbox WHERE key = ? LIMIT 1").get(key);
  return row === undefined ? null : textOf(row.id);
}

function toMessage(row: Row): OutboxMessage {
  return {
    id: textOf(row.id),
    channel: textOf(row.channel) as Channel,
    event: textOf(row.event),
    container: textOrNull(row.container),
    message: jsonOf<Message>(row.message),
    createdAtMs: numberOf(row.created_at_ms),
    attempts: numberOf(row.attempts),
    nextAttemptMs: numberOf(row.next_attempt_ms),
    lastError: textOrNull(row.last_error),
    deliveredAtMs: numberOrNull(row.delivered_at_ms),
    serverId: textOrNull(row.server_id),
    givenUpAtMs: numberOrNull(row.given_up_at_ms),
  };
}
