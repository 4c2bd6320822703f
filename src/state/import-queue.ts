// Invariants: an old file is imported once, before anything is published over it; what was not
// understood is kept beside it and said.
import { chmodSync, constants, copyFileSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { readMeta, writeMeta } from "./meta.ts";
import { publishAfterCommit, putInQueue, queueEntry, queueFilePath } from "./queue.ts";
import type { State } from "./state.ts";

const DONE_KEY = "former-queue-imported";
const MAX_FILE_BYTES = 10 * 1024 * 1024;
const MAX_ENTRIES = 10_000;
// Docker's own rule for container names.
const CONTAINER_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/;

/**
 * Imports a `retry-queue.json` that an earlier tool left, once, at the first start. Understood: a
 * list (or an object with `entries`, `queue`, `containers` or `services`) of names, or of objects
 * with `container`, `name` or `service` and perhaps `image` or `reference`; or an object whose
 * keys are the names. The original stays as `retry-queue.imported.json`.
 */
export function importFormerQueue(state: State): void {
  if (readMeta(state, DONE_KEY) !== null) return;
  const text = readFormerFile(state);
  const names = text === null ? [] : parseFormerQueue(text, state);
  state.transaction(() => {
    if (readMeta(state, DONE_KEY) !== null) return;
    for (const { container, reference } of names) {
      if (queueEntry(state, container) !== null) continue;
      putInQueue(state, {
        container,
        reference,
        digest: null,
        reason: { kind: "imported", why: "waited in the former retry-queue.json" },
        ids: [],
        nextTryMs: null,
      });
    }
    writeMeta(state, DONE_KEY, new Date(state.now()).toISOString());
    publishAfterCommit(state);
  });
}

function readFormerFile(state: State): string | null {
  const path = queueFilePath(state.folder);
  try {
    const { size } = statSync(path);
    keepOriginal(path, join(state.folder, "retry-queue.imported.json"));
    if (size > MAX_FILE_BYTES) {
      state.report(`${path} is too large to be an old retry queue and was not imported.`);
      return null;
    }
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    state.report(`The old retry queue ${path} could not be read and was not imported: ${error}`);
    return null;
  }
}

/**
 * A copy kept from an earlier import is the older original: it is never replaced. A copy has the
 * mode of its original, and that was anybody's to choose.
 */
function keepOriginal(path: string, kept: string): void {
  try {
    copyFileSync(path, kept, constants.COPYFILE_EXCL);
    chmodSync(kept, 0o600);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
}

interface FormerEntry {
  container: string;
  reference: string;
}

function parseFormerQueue(text: string, state: State): FormerEntry[] {
  const list = listIn(parseJson(text));
  if (list === null) {
    state.report(
      "The old retry-queue.json has an unknown shape; nothing was imported, it is kept as retry-queue.imported.json.",
    );
    return [];
  }
  const entries = list.slice(0, MAX_ENTRIES).map(toFormerEntry);
  const understood = entries.filter((entry) => entry !== null);
  const lost = list.length - understood.length;
  if (lost > 0) {
    state.report(
      `${lost} of ${list.length} entries of the old retry-queue.json were not understood; it is kept as retry-queue.imported.json.`,
    );
  }
  const seen = new Map(understood.map((entry) => [entry.container, entry]));
  return [...seen.values()];
}

function parseJson(text: string): unknown {
  try {
    return text.trim() === "" ? [] : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function listIn(value: unknown): unknown[] | null {
  if (Array.isArray(value)) return value;
  if (!isObject(value)) return null;
  for (const key of ["entries", "queue", "containers", "services", "retry"]) {
    const inner = value[key];
    if (Array.isArray(inner)) return inner;
    if (isObject(inner)) return listOfKeys(inner);
  }
  const list = listOfKeys(value);
  return list.length === Object.keys(value).length ? list : null;
}

/** `{ "nginx": { "image": "nginx:1" } }`: the keys are the names. */
function listOfKeys(value: Record<string, unknown>): unknown[] {
  return Object.entries(value)
    .filter(([, details]) => isObject(details))
    .map(([name, details]) => ({ container: name, ...(details as Record<string, unknown>) }));
}

function toFormerEntry(value: unknown): FormerEntry | null {
  if (typeof value === "string") return named(value, null);
  if (!isObject(value)) return null;
  return named(
    value.container ?? value.container_name ?? value.name ?? value.service,
    value.image ?? value.reference,
  );
}

function named(name: unknown, reference: unknown): FormerEntry | null {
  if (typeof name !== "string") return null;
  const container = name.replace(/^\//, "");
  if (!CONTAINER_NAME.test(container)) return null;
  return { container, reference: typeof reference === "string" ? reference : "" };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
