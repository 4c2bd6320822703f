// Invariants: lines are only appended, one JSON object each; no line holds a secret (I12); writing
// never throws into the procedure: a full disk costs lines, counted, and nothing else.
import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { printableJson } from "../values/printable-json.ts";
import { redact } from "./redact.ts";

export interface AuditLog {
  /** Appends a line with its time; false when it could not be written. */
  write(entry: AuditEntry): boolean;
  /** Text that must never appear, whatever it is part of. */
  hide(secret: string): void;
  /** Lines that were lost. */
  readonly lost: number;
}

export interface AuditEntry {
  /** What happened: `step`, `decision`, `command`, `run`. */
  event: string;
  run?: string;
  operation?: string;
  container?: string | null;
  durationMs?: number;
  outcome?: string;
  [key: string]: unknown;
}

// A line stays below this, so that one entry cannot fill the disk.
const MAX_LINE_BYTES = 64 * 1024;

export function logFolder(folder: string): string {
  return join(folder, "logs");
}

/** The log of a state folder: `logs/YYYY-MM-DD.log` by the UTC day, mode 0600. */
export function openAuditLog(
  folder: string,
  options: { now?: () => number; secrets?: readonly string[] } = {},
): AuditLog {
  const now = options.now ?? Date.now;
  const secrets = new Set<string>(options.secrets);
  let lost = 0;
  return {
    write(entry) {
      try {
        const time = new Date(now()).toISOString();
        appendLine(folder, time.slice(0, 10), toLine({ time, ...entry }, secrets));
        return true;
      } catch {
        lost += 1;
        return false;
      }
    },
    hide(secret) {
      secrets.add(secret);
    },
    get lost() {
      return lost;
    },
  };
}

function toLine(entry: object, secrets: ReadonlySet<string>): string {
  // People read it with `tail -f`.
  const line = printableJson(JSON.stringify(redact(entry, secrets)));
  if (Buffer.byteLength(line) <= MAX_LINE_BYTES) return line;
  const start = line.slice(0, MAX_LINE_BYTES / 8);
  const { time, event } = entry as { time: string; event: unknown };
  return printableJson(
    JSON.stringify({ time, event: redact(event, secrets), truncated: true, start }),
  );
}

function appendLine(folder: string, day: string, line: string): void {
  const logs = logFolder(folder);
  mkdirSync(logs, { recursive: true, mode: 0o700 });
  const file = openSync(join(logs, `${day}.log`), "a", 0o600);
  try {
    // One write with O_APPEND: lines of two processes do not mix, a torn last line is the worst.
    const bytes = Buffer.from(`${line}\n`);
    if (writeSync(file, bytes) !== bytes.length) throw new Error("the disk is full");
  } finally {
    closeSync(file);
  }
}
