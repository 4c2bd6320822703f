import type { DryRun } from "../../ports.ts";
import { withoutContent } from "./failure-text.ts";

/** What one line of compose's output says. */
type Line =
  | { kind: "running"; resource: string }
  /** As it is: what differs from its file would be recreated first. */
  | { kind: "started"; container: string; text: string }
  | { kind: "planned"; text: string }
  | { kind: "missing-variable"; name: string }
  | { kind: "remark" }
  | { kind: "unknown"; text: string };

const MAX_TEXT_LENGTH = 200;
/** ` DRY-RUN MODE -  Container web-1  Running`; versions differ in the spaces. */
const EVENT =
  /^(?:DRY-RUN MODE -\s+)?(Container|Network|Volume|Image|Config|Secret|Service)\s+(\S+)\s+(.+)$/;
const CONTAINER = /^Container (\S+)$/;
const LOG = /^time="[^"]*" level=(\w+) msg="(.*)"$/;
const MISSING_VARIABLE = /^The \\?"([^"\\]+)\\?" variable is not set/;
/** Words of an event that say nothing beside the other one. */
const PLAIN_WORDS = ["", "Done"];
/**
 * One between two starts of a crash loop, or that an ended `docker compose run` has left. A stopped
 * one of the service itself is said to be "Created" first, as one that `up` makes.
 */
const STARTS = ["Starting", "Started"];
/** Waiting for a dependency changes nothing; one that would be started says so as well. */
const WAITS = ["Waiting", "Healthy", "Exited"];

/**
 * Judges a dry run of `up`: only "Running" for the containers means that nothing would change, and
 * only "Starting" besides that nothing differs. Everything that is not understood counts against it. Verified with compose 2.26 (text); versions
 * from 2.29 on write the same events as JSON lines when asked.
 */
export function judgeDryRun(output: string, serviceCount: number): DryRun {
  const lines = output.split("\n").flatMap((line) => {
    const text = line.trim();
    return text === "" ? [] : [readLine(text)];
  });
  const missing = lines.flatMap((line) => (line.kind === "missing-variable" ? [line.name] : []));
  if (missing.length > 0) {
    const names = [...new Set(missing)].join(", ");
    return { kind: "unreadable", why: `variables without a value: ${names}` };
  }
  if (lines.some(({ kind }) => kind === "planned")) {
    const planned = lines.flatMap((line) =>
      "text" in line && line.kind !== "unknown" ? [line.text] : [],
    );
    return { kind: "drift", planned: [...new Set(planned)] };
  }
  const unknown = lines.find((line) => line.kind === "unknown");
  if (unknown !== undefined) {
    return { kind: "unreadable", why: unknown.text };
  }
  const running = lines.filter((line) => line.kind === "running").length;
  const started = new Set(
    lines.flatMap((line) => (line.kind === "started" ? [line.container] : [])),
  );
  if (running + started.size < serviceCount) {
    return { kind: "unreadable", why: "compose says nothing about the service" };
  }
  return started.size === 0 ? { kind: "no-change" } : { kind: "starts", containers: [...started] };
}

function readLine(text: string): Line {
  if (text.startsWith("{")) return readJsonLine(text);
  const [, level, message = ""] = LOG.exec(text) ?? [];
  if (level !== undefined) return readLog(level, message);
  const [, kind, name, status = ""] = EVENT.exec(text) ?? [];
  if (kind === undefined) return unknown(text);
  return event(`${kind} ${name}`, [status.trim()]);
}

function readJsonLine(text: string): Line {
  let parsed: Record<string, unknown>;
  try {
    parsed = JSON.parse(text) as Record<string, unknown>;
  } catch {
    return unknown(text);
  }
  const field = (name: string) => (typeof parsed[name] === "string" ? parsed[name] : "");
  if (field("level") !== "") return readLog(field("level"), field("msg"));
  if (parsed.error === true) return unknown(field("message"));
  const resource = field("id");
  if (resource === "") return unknown(text);
  return event(resource, [field("text"), field("status")]);
}

function readLog(level: string, message: string): Line {
  const name = MISSING_VARIABLE.exec(message)?.[1];
  if (name !== undefined) return { kind: "missing-variable", name };
  // Orphans, obsolete attributes and the like do not change what `up` does to the service.
  return level === "warning" || level === "info" || level === "debug"
    ? { kind: "remark" }
    : unknown(message);
}

function event(resource: string, words: readonly string[]): Line {
  const said = words.filter((word) => !PLAIN_WORDS.includes(word));
  const isRunning = said.length > 0 && said.every((word) => word === "Running");
  if (said.length > 0 && said.every((word) => WAITS.includes(word))) return { kind: "remark" };
  const [, container] = CONTAINER.exec(resource) ?? [];
  if (isRunning && container !== undefined) return { kind: "running", resource };
  const text = `${resource} ${said[0] ?? ""}`.trim().slice(0, MAX_TEXT_LENGTH);
  // Version 5 says "Working" beside the word that counts.
  const acts = said.filter((word) => word !== "Working");
  const isStart = acts.length > 0 && acts.every((word) => STARTS.includes(word));
  if (isStart && container !== undefined) return { kind: "started", container, text };
  return { kind: "planned", text };
}

function unknown(text: string): Line {
  return { kind: "unknown", text: withoutContent(text).slice(0, MAX_TEXT_LENGTH) };
}
