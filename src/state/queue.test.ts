import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { digest, HOUR_MS, temporaryFolder, temporaryState } from "../../test/temporary-state.ts";
import { openState } from "./open-state.ts";
import {
  listQueue,
  markQueueNotified,
  type NewQueueEntry,
  notificationKey,
  putInQueue,
  type QueueFile,
  queueEntry,
  queueFilePath,
  removeFromQueue,
} from "./queue.ts";
import type { State } from "./state.ts";

function blocked(container: string, changes: Partial<NewQueueEntry> = {}): NewQueueEntry {
  return {
    container,
    reference: "nginx:1",
    digest: digest("1"),
    reason: { kind: "blocked", why: "1 HIGH: CVE-1" },
    ids: ["CVE-1"],
    nextTryMs: null,
    ...changes,
  };
}

function published(folder: string): QueueFile {
  return JSON.parse(readFileSync(queueFilePath(folder), "utf8"));
}

test("a second try of the same digest keeps since and counts on", () => {
  using temporary = temporaryState();
  const first = putInQueue(temporary.state, blocked("web"));
  temporary.pass(HOUR_MS);
  const reason = { kind: "failed", phase: "verify", why: "unhealthy" } as const;
  const second = putInQueue(temporary.state, blocked("web", { reason }));
  assert.equal(second.sinceMs, first.sinceMs);
  assert.equal(second.lastTryMs, first.lastTryMs + HOUR_MS);
  assert.deepEqual([first.attempts, second.attempts], [1, 2]);
  assert.deepEqual(second.reason, reason);
});

test("a newer digest replaces the entry and starts afresh", () => {
  using temporary = temporaryState();
  putInQueue(temporary.state, blocked("web"));
  markQueueNotified(temporary.state, "web", "told");
  temporary.pass(HOUR_MS);
  const entry = putInQueue(temporary.state, blocked("web", { digest: digest("2") }));
  assert.deepEqual([entry.attempts, entry.notifiedKey], [1, null]);
  assert.equal(entry.sinceMs, temporary.state.now());
  assert.equal(listQueue(temporary.state).length, 1);
});

test("an unchanged entry has the same notification key, a changed one another", () => {
  using temporary = temporaryState();
  const { state } = temporary;
  const key = notificationKey(putInQueue(state, blocked("web", { ids: ["CVE-2", "CVE-1"] })));
  markQueueNotified(state, "web", key);
  const same = putInQueue(
    state,
    blocked("web", { ids: ["CVE-1", "CVE-2"], reason: { kind: "blocked", why: "other words" } }),
  );
  assert.equal(same.notifiedKey, key);
  assert.equal(notificationKey(same), key);
  const held = { kind: "held", hold: "scan", why: "" } as const;
  const keys = [
    { ids: ["CVE-1"] },
    { digest: digest("2") },
    { reason: held },
    { reason: { ...held, hold: "registry" as const } },
    { reason: { kind: "failed", phase: "verify", why: "" } as const },
    { reason: { kind: "failed", phase: "deploy", why: "" } as const },
  ].map((changes) => notificationKey(blocked("web", changes)));
  assert.equal(new Set([key, ...keys]).size, keys.length + 1);
});

test("the queue is listed longest waiting first", () => {
  using temporary = temporaryState();
  putInQueue(temporary.state, blocked("second"));
  temporary.pass(1);
  putInQueue(temporary.state, blocked("third"));
  temporary.pass(-2);
  putInQueue(temporary.state, blocked("first"));
  const names = listQueue(temporary.state).map(({ container }) => container);
  assert.deepEqual(names, ["first", "second", "third"]);
});

test("removing says whether there was anything", () => {
  using temporary = temporaryState();
  putInQueue(temporary.state, blocked("web"));
  assert.equal(removeFromQueue(temporary.state, "web"), true);
  assert.equal(removeFromQueue(temporary.state, "web"), false);
  assert.equal(queueEntry(temporary.state, "web"), null);
});

test("retry-queue.json has the documented shape after every change", () => {
  using temporary = temporaryState();
  const { state, folder } = temporary;
  assert.deepEqual(published(folder).entries, [], "it is there from the first start");
  putInQueue(state, blocked("web", { nextTryMs: state.now() + HOUR_MS }));
  const held = { kind: "held", hold: "scan", why: "the server is away" } as const;
  temporary.pass(1);
  putInQueue(state, blocked("api", { reason: held, ids: [], digest: null }));
  assert.deepEqual(published(folder), {
    schema: 1,
    updatedAt: "2026-01-14T04:30:00.001Z",
    entries: [
      {
        container: "web",
        reference: "nginx:1",
        digest: digest("1"),
        reason: "blocked",
        detail: null,
        why: "1 HIGH: CVE-1",
        ids: ["CVE-1"],
        since: "2026-01-14T04:30:00.000Z",
        attempts: 1,
        lastTry: "2026-01-14T04:30:00.000Z",
        nextTry: "2026-01-14T05:30:00.000Z",
      },
      {
        container: "api",
        reference: "nginx:1",
        digest: null,
        reason: "held",
        detail: "scan",
        why: "the server is away",
        ids: [],
        since: "2026-01-14T04:30:00.001Z",
        attempts: 1,
        lastTry: "2026-01-14T04:30:00.001Z",
        nextTry: null,
      },
    ],
  });
  putInQueue(state, blocked("api", { reason: { kind: "failed", phase: "verify", why: "" } }));
  assert.equal(published(folder).entries[1]?.detail, "verify");
  removeFromQueue(state, "web");
  removeFromQueue(state, "api");
  assert.deepEqual(published(folder).entries, []);
});

test("what a transaction takes back is not published", () => {
  using temporary = temporaryState();
  const { state, folder } = temporary;
  assert.throws(() =>
    state.transaction(() => {
      putInQueue(state, blocked("web"));
      throw new Error("no");
    }),
  );
  assert.deepEqual(published(folder).entries, []);
});

test("publishing replaces the file at once and leaves no temporary one", () => {
  using temporary = temporaryState();
  const { state, folder } = temporary;
  const before = statSync(queueFilePath(folder)).ino;
  putInQueue(state, blocked("web"));
  assert.notEqual(statSync(queueFilePath(folder)).ino, before, "another file under the name");
  assert.equal(statSync(queueFilePath(folder)).mode & 0o777, 0o600);
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.endsWith(".tmp")),
    [],
  );
});

test("a copy that cannot be published stops nothing and is said", () => {
  using temporary = temporaryState();
  const { state, folder } = temporary;
  rmSync(queueFilePath(folder));
  mkdirSync(queueFilePath(folder));
  putInQueue(state, blocked("web"));
  assert.equal(listQueue(state).length, 1);
  assert.match(state.problems[0] ?? "", /retry-queue\.json could not be published/);
});

test("a copy that a crash left behind is published anew at the next start", () => {
  using temporary = temporaryState();
  putInQueue(temporary.state, blocked("web"));
  writeFileSync(queueFilePath(temporary.folder), '{"schema":1,"entries":[]}');
  openState(temporary.folder).close();
  assert.equal(published(temporary.folder).entries[0]?.container, "web");
});

// ---------------------------------------------------------------- import

/** Opens a first state beside an old file; gives the queue, the problems and the kept file. */
function importing(content: string): {
  names: string[];
  problems: readonly string[];
  kept: string;
} {
  using folder = temporaryFolder();
  writeFileSync(queueFilePath(folder.path), content);
  const state = openState(folder.path);
  const names = listQueue(state).map(({ container, reference }) =>
    `${container} ${reference}`.trim(),
  );
  const kept = readFileSync(join(folder.path, "retry-queue.imported.json"), "utf8");
  const result = { names, problems: [...state.problems], kept };
  assert.equal(published(folder.path).schema, 1);
  state.close();
  return result;
}

const SHAPES: [title: string, content: unknown, names: string[]][] = [
  ["a list of names", ["nginx", "/redis"], ["nginx", "redis"]],
  ["a list of objects", [{ container: "web", image: "nginx:1" }], ["web nginx:1"]],
  ["objects with a name", [{ name: "web" }, { service: "api" }], ["api", "web"]],
  ["an object with a list", { queue: [{ container: "web" }] }, ["web"]],
  ["an object by name", { web: { image: "nginx:1" }, api: {} }, ["api", "web nginx:1"]],
  ["an object by name, one deeper", { containers: { web: { attempts: 2 } } }, ["web"]],
  [
    "our own file",
    { schema: 1, updatedAt: "x", entries: [{ container: "web", reference: "r" }] },
    ["web r"],
  ],
  ["a name twice", ["web", { container: "web", image: "nginx:1" }], ["web nginx:1"]],
  ["an empty list", [], []],
];

for (const [title, content, names] of SHAPES) {
  test(`imports an old queue: ${title}`, () => {
    const text = JSON.stringify(content);
    const imported = importing(text);
    assert.deepEqual(imported.names.sort(), names);
    assert.deepEqual(imported.problems, []);
    assert.equal(imported.kept, text, "the original is kept");
  });
}

test("imports an empty file as an empty queue", () => {
  assert.deepEqual(importing(""), { names: [], problems: [], kept: "" });
});

test("an old queue of unknown shape is reported, kept and not imported", () => {
  for (const content of ["not json", '"text"', "7", '{"web":1}']) {
    const imported = importing(content);
    assert.deepEqual(imported.names, []);
    assert.match(imported.problems[0] ?? "", /unknown shape/);
    assert.equal(imported.kept, content);
  }
});

test("an old queue that cannot be read, or is far too large, is reported and not imported", () => {
  assert.match(importing("x".repeat(11 * 1024 * 1024)).problems[0] ?? "", /too large/);
  using folder = temporaryFolder();
  mkdirSync(queueFilePath(folder.path));
  const state = openState(folder.path);
  assert.match(state.problems[0] ?? "", /could not be read/);
  state.close();
});

test("a copy kept from an earlier import is not replaced", () => {
  using folder = temporaryFolder();
  const kept = join(folder.path, "retry-queue.imported.json");
  writeFileSync(kept, "the first original");
  writeFileSync(queueFilePath(folder.path), '["web"]');
  const state = openState(folder.path);
  assert.equal(listQueue(state).length, 1);
  assert.equal(readFileSync(kept, "utf8"), "the first original");
  state.close();
});

test("the first start publishes the queue, also by a command that only shows something", () => {
  using folder = temporaryFolder();
  writeFileSync(queueFilePath(folder.path), "7");
  openState(folder.path, { check: "schema" }).close();
  assert.deepEqual(published(folder.path).entries, []);
});

test("entries that are not understood are counted, the others imported", () => {
  const imported = importing(JSON.stringify(["web", 7, { x: 1 }, "../etc/passwd", "a b"]));
  assert.deepEqual(imported.names, ["web"]);
  assert.match(imported.problems[0] ?? "", /4 of 5 entries/);
});

test("an old queue is imported at the first start and never again", () => {
  using folder = temporaryFolder();
  writeFileSync(queueFilePath(folder.path), '["web"]');
  const first = openState(folder.path);
  removeFromQueue(first, "web");
  first.close();
  writeFileSync(queueFilePath(folder.path), '["api"]');
  const second: State = openState(folder.path);
  assert.deepEqual(listQueue(second), []);
  second.close();
  assert.equal(readFileSync(join(folder.path, "retry-queue.imported.json"), "utf8"), '["web"]');
});

/** Names that are paths, options or every object's own; texts of wrong types and any depth. */
const hostileEntry = fc.oneof(
  { depthSize: "small" },
  fc.jsonValue({ maxDepth: 3 }),
  fc.record({
    container: fc.oneof(fc.string(), fc.constantFrom("../x", "-v", "a\u001b[2J", "ok")),
  }),
  fc.constantFrom("__proto__", "constructor", "a/b", "..", "a\nb", "web"),
);
const hostileQueue = fc.oneof(
  fc.array(hostileEntry, { maxLength: 5 }),
  fc.dictionary(fc.constantFrom("entries", "queue", "__proto__", "constructor", "x"), hostileEntry),
);

test("whatever an old queue says, only names that a container can have are imported", () => {
  fc.assert(
    fc.property(hostileQueue, (content) => {
      const { names } = importing(JSON.stringify(content));
      for (const name of names) assert.match(name, /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}( |$)/);
    }),
    { numRuns: 30 },
  );
  const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
  assert.deepEqual(importing(`[${deep},"web"]`).names, ["web"]);
});
