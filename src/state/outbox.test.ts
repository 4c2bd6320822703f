import assert from "node:assert/strict";
import { test } from "node:test";
import { DAY_MS, HOUR_MS, temporaryState } from "../../test/temporary-state.ts";
import { openState } from "./open-state.ts";
import {
  dueMessages,
  enqueueMessage,
  findMessage,
  giveUpChannel,
  isDeliveryDue,
  listMessages,
  markDelivered,
  markFailedAttempt,
  type NewMessage,
  nextDueMs,
  pendingCount,
} from "./outbox.ts";
import type { State } from "./state.ts";

const LEASE_MS = 15_000;
const RETRY = { why: "no route", isRefused: false, retryAfterMs: null };

function message(container: string | null, title: string, changes: Partial<NewMessage> = {}) {
  const content = { title, body: "", priority: 3, tags: ["package"], click: null };
  return { event: "update-success", container, message: content, ...changes };
}

function titles(state: State): string[] {
  return dueMessages(state).map(({ message: { title } }) => title);
}

test("a message keeps one id from the outbox to the server", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  const id = enqueueMessage(state, message("web", "updated"));
  const [due] = dueMessages(state);
  assert.deepEqual([due?.id, due?.message.id, due?.message.title], [id, id, "updated"]);
  assert.equal(markDelivered(state, id, "server-1"), true);
  assert.deepEqual(dueMessages(state), []);
  assert.equal(pendingCount(state), 0);
  const stored = findMessage(state, id);
  assert.deepEqual([stored?.serverId, stored?.attempts], ["server-1", 1]);
  const second = enqueueMessage(state, message("web", "again"));
  assert.deepEqual(
    listMessages(state).map((each) => each.id),
    [second, id],
  );
  assert.equal(findMessage(state, "unknown"), null);
});

test("a message exists only if what it tells was committed (I6)", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  assert.throws(() =>
    state.transaction(() => {
      enqueueMessage(state, message("web", "updated"));
      throw new Error("the outcome could not be recorded");
    }),
  );
  assert.equal(pendingCount(state), 0);
});

test("the same event under the same key stays one message, also after it was delivered (I6)", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  const first = enqueueMessage(state, message("web", "updated", { key: "op:web" }));
  markDelivered(state, first, "server-1");
  assert.equal(enqueueMessage(state, message("web", "again", { key: "op:web" })), first);
  assert.equal(listMessages(state).length, 1);
  assert.notEqual(enqueueMessage(state, message("web", "other", { key: "op2:web" })), first);
});

test("messages of one container leave in their order, others do not wait, a summary comes last", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  const first = enqueueMessage(state, message("web", "web 1"));
  enqueueMessage(state, message("web", "web 2"));
  enqueueMessage(state, message("api", "api 1"));
  enqueueMessage(state, message(null, "summary"));
  assert.deepEqual(titles(state), ["web 1", "api 1"]);
  markFailedAttempt(state, first, RETRY);
  temporary.pass(1);
  assert.deepEqual(titles(state), [], "web 2 waits for web 1, the summary for all");
  temporary.pass(LEASE_MS);
  assert.deepEqual(titles(state), ["web 1", "api 1"]);
  for (const entry of listMessages(state)) {
    const isFirst = ["web 1", "api 1"].includes(entry.message.title);
    if (isFirst) markDelivered(state, entry.id, "server-1");
  }
  assert.deepEqual(titles(state), ["web 2"]);
});

test("what one process has taken is not given to another until its time is over", () => {
  using temporary = temporaryState();
  const { state, folder } = temporary;
  enqueueMessage(state, message("web", "updated"));
  const other = openState(folder, { now: state.now });
  assert.deepEqual([titles(state), titles(other)], [["updated"], []]);
  temporary.pass(LEASE_MS);
  assert.deepEqual(titles(other), ["updated"]);
  other.close();
});

test("a failed attempt waits longer each time, or as long as the server wishes", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  const id = enqueueMessage(state, message("web", "updated"));
  const delays = [null, null, HOUR_MS].map((retryAfterMs) => {
    const entry = markFailedAttempt(state, id, { ...RETRY, retryAfterMs });
    assert.ok(entry !== null);
    return entry.nextAttemptMs - state.now();
  });
  assert.deepEqual(delays, [5_000, 10_000, HOUR_MS]);
  assert.equal(nextDueMs(state), state.now() + HOUR_MS);
  assert.equal(findMessage(state, id)?.lastError, "no route");
});

test("a message that the server refuses does not hold up its successors", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  const first = enqueueMessage(state, message("web", "too large"));
  enqueueMessage(state, message("web", "next"));
  markFailedAttempt(state, first, { ...RETRY, isRefused: true });
  assert.deepEqual(titles(state), ["next"]);
});

test("a message is tried for seven days and then given up, kept and counted no more", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  const id = enqueueMessage(state, message("web", "updated"));
  temporary.pass(7 * DAY_MS - 1);
  assert.equal(markFailedAttempt(state, id, RETRY)?.givenUpAtMs, null);
  assert.equal(pendingCount(state), 1);
  temporary.pass(1);
  assert.equal(markFailedAttempt(state, id, RETRY)?.givenUpAtMs, state.now());
  assert.equal(pendingCount(state), 0);
  temporary.pass(DAY_MS);
  assert.deepEqual(titles(state), []);
  assert.equal(listMessages(state).length, 1);
});

test("a message given up does not hold up its successors", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  const first = enqueueMessage(state, message("web", "old"));
  temporary.pass(7 * DAY_MS);
  enqueueMessage(state, message("web", "new"));
  markFailedAttempt(state, first, RETRY);
  assert.deepEqual(titles(state), ["new"]);
});

test("delivered stays delivered, whoever says otherwise later", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  const id = enqueueMessage(state, message("web", "updated"));
  markDelivered(state, id, "server-1");
  assert.equal(markDelivered(state, id, "server-2"), false);
  assert.equal(markFailedAttempt(state, id, RETRY), null);
  assert.equal(findMessage(state, id)?.serverId, "server-1");
});

test("an urgent message goes both ways, each on its own", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  const id = enqueueMessage(state, message("web", "failed", { channels: ["main", "fallback"] }));
  markFailedAttempt(state, id, RETRY);
  const [fallback] = dueMessages(state, { channel: "fallback" });
  assert.equal(fallback?.id, id);
  markDelivered(state, id, "hook", "fallback");
  assert.deepEqual([pendingCount(state), pendingCount(state, "fallback")], [1, 0]);
});

test("what waits for a server that is no longer configured is given up, and nothing is due", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  const channels = ["main", "fallback"] as const;
  const id = enqueueMessage(state, { ...message("web", "urgent"), channels });
  giveUpChannel(state, "fallback");
  assert.equal(pendingCount(state, "fallback"), 0);
  assert.equal(findMessage(state, id, "fallback")?.givenUpAtMs, state.now());
  assert.equal(isDeliveryDue(state), true, "main still waits");
  markDelivered(state, id, "server-1");
  assert.equal(isDeliveryDue(state), false);
});

test("a message is due on whatever channel it waits, once its pause is over", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  const channels = ["main", "fallback"] as const;
  const id = enqueueMessage(state, { ...message("web", "urgent"), channels });
  markDelivered(state, id, "server-1");
  assert.equal(isDeliveryDue(state), true);
  markFailedAttempt(state, id, { ...RETRY, channel: "fallback" });
  assert.equal(isDeliveryDue(state), false);
  temporary.pass(5_000);
  assert.equal(isDeliveryDue(state), true);
});
