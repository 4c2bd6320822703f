// Invariants: a container has at most one entry; the database is the queue and
// `retry-queue.json` a copy, published whole after every change.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { HoldReason } from "../policy/decision.ts";
import type { Phase } from "../update/phases.ts";
import type { Digest } from "../values/digest.ts";
import { printableJson } from "../values/printable-json.ts";
import { digestOrNull, jsonOf, numberOf, numberOrNull, textOf, textOrNull } from "./columns.ts";
import { writeFileAtomically } from "./files.ts";
import { invariant } from "./invariant.ts";
import type { Row, State } from "./state.ts";

export type QueueReason =
  | { kind: "blocked"; why: string }
  | { kind: "held"; hold: HoldReason; why: string }
  | { kind: "failed"; phase: Phase; why: string }
  /** From an old retry-queue.json: nothing is known but the name. */
  | { kind: "imported"; why: string };

export interface QueueEntry {
  container: string;
  reference: string;
  /** Null while the registry has not said which. */
  digest: Digest | null;
  reason: QueueReason;
  /** Finding ids that block. */
  ids: readonly string[];
  sinceMs: number;
  /** Tries of this digest so far, the first included. */
  attempts: number;
  lastTryMs: number;
  /** Null: with the next scheduled run. */
  nextTryMs: number | null;
  /** What was notified last, so that an unchanged entry is not notified again. */
  notifiedKey: string | null;
}

export type NewQueueEntry = Pick<
  QueueEntry,
  "container" | "reference" | "digest" | "reason" | "ids" | "nextTryMs"
>;

/**
 * Puts a container in the queue, or updates its entry: with the same digest `since` stays and the
 * tries are counted on; another digest starts afresh.
 */
export function putInQueue(state: State, entry: NewQueueEntry): QueueEntry {
  return state.transaction(() => {
    const former = queueEntry(state, entry.container);
    const isSame =
      former !== null && former.digest === entry.digest && former.reference === entry.reference;
    const now = state.now();
    state.database
      .prepare(
        `INSERT OR REPLACE INTO queue (container, reference, digest, reason, ids, since_ms,
           attempts, last_try_ms, next_try_ms, notified_key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        entry.container,
        entry.reference,
        entry.digest,
        JSON.stringify(entry.reason),
        JSON.stringify(entry.ids),
        isSame ? former.sinceMs : now,
        isSame ? former.attempts + 1 : 1,
        now,
        entry.nextTryMs,
        isSame ? former.notifiedKey : null,
      );
    publishAfterCommit(state);
    const stored = queueEntry(state, entry.container);
    invariant(stored !== null, "the queue reads back what it wrote");
    return stored;
  });
}

/** Takes a container out of the queue; false when it was not there. */
export function removeFromQueue(state: State, container: string): boolean {
  return state.transaction(() => {
    const { changes } = state.database
      .prepare("DELETE FROM queue WHERE container = ?")
      .run(container);
    if (changes > 0) publishAfterCommit(state);
    return changes > 0;
  });
}

/** Remembers what was notified about an entry (see `notificationKey`). */
export function markQueueNotified(state: State, container: string, key: string): void {
  state.transaction(() => {
    state.database
      .prepare("UPDATE queue SET notified_key = ? WHERE container = ?")
      .run(key, container);
  });
}

/** The same for entries about which there is nothing new to say: digest, reason and ids. */
export function notificationKey(entry: Pick<QueueEntry, "digest" | "reason" | "ids">): string {
  const { reason } = entry;
  const detail =
    reason.kind === "held" ? reason.hold : reason.kind === "failed" ? reason.phase : "";
  return [entry.digest ?? "", reason.kind, detail, ...[...entry.ids].sort()].join(" ");
}

/** The queue, longest waiting first. */
export function listQueue(state: State): QueueEntry[] {
  return state.database
    .prepare("SELECT * FROM queue ORDER BY since_ms, container")
    .all()
    .map(toEntry);
}

export function queueEntry(state: State, container: string): QueueEntry | null {
  const row = state.database.prepare("SELECT * FROM queue WHERE container = ?").get(container);
  return row === undefined ? null : toEntry(row);
}

export function queueFilePath(folder: string): string {
  return join(folder, "retry-queue.json");
}

/** The published shape; stable, for people and scripts. */
export interface QueueFile {
  schema: 1;
  /** ISO 8601. */
  updatedAt: string;
  entries: Array<{
    container: string;
    reference: string;
    digest: string | null;
    reason: "blocked" | "held" | "failed" | "imported";
    /** Which hold, or which phase failed; null otherwise. */
    detail: string | null;
    why: string;
    ids: readonly string[];
    since: string;
    attempts: number;
    lastTry: string;
    nextTry: string | null;
  }>;
}

/** Publishes the queue once the change is durable. */
export function publishAfterCommit(state: State): void {
  state.afterCommit(() => publishQueue(state), "publish-queue");
}

/** Publishes when a crash came between a change and its copy, or somebody removed the file. */
export function publishIfStale(state: State): void {
  const entries = JSON.stringify(listQueue(state).map(toPublished));
  try {
    const file = JSON.parse(readFileSync(queueFilePath(state.folder), "utf8"));
    if (JSON.stringify(file?.entries) === entries) return;
  } catch {
    // Unreadable or not there: published anew.
  }
  publishQueue(state);
}

/** Writes `retry-queue.json`; where it cannot, the state's problems say so. */
function publishQueue(state: State): void {
  const file: QueueFile = {
    schema: 1,
    updatedAt: iso(state.now()),
    entries: listQueue(state).map(toPublished),
  };
  try {
    writeFileAtomically(
      queueFilePath(state.folder),
      `${printableJson(JSON.stringify(file, null, 2))}\n`,
    );
  } catch (error) {
    state.report(`retry-queue.json could not be published: ${String(error)}`);
  }
}

function toPublished(entry: QueueEntry): QueueFile["entries"][number] {
  const { reason } = entry;
  return {
    container: entry.container,
    reference: entry.reference,
    digest: entry.digest,
    reason: reason.kind,
    detail: reason.kind === "held" ? reason.hold : reason.kind === "failed" ? reason.phase : null,
    why: reason.why,
    ids: entry.ids,
    since: iso(entry.sinceMs),
    attempts: entry.attempts,
    lastTry: iso(entry.lastTryMs),
    nextTry: entry.nextTryMs === null ? null : iso(entry.nextTryMs),
  };
}

function iso(timeMs: number): string {
  return new Date(timeMs).toISOString();
}

function toEntry(row: Row): QueueEntry {
  return {
    container: textOf(row.container),
    reference: textOf(row.reference),
    digest: digestOrNull(row.digest),
    reason: jsonOf<QueueReason>(row.reason),
    ids: jsonOf<string[]>(row.ids),
    sinceMs: numberOf(row.since_ms),
    attempts: numberOf(row.attempts),
    lastTryMs: numberOf(row.last_try_ms),
    nextTryMs: numberOrNull(row.next_try_ms),
    notifiedKey: textOrNull(row.notified_key),
  };
}
