import type { NotifyConfig } from "../config/config.ts";
import type { EventName } from "../config/names.ts";
import type { AppliedApproval, Comparison, Decision, HoldReason } from "../policy/decision.ts";
import {
  approvalText,
  blockersText,
  comparisonText,
  holdText,
  idsText,
  isKeepingWorse,
} from "../policy/decision-text.ts";
import type { NewMessage } from "../state/outbox.ts";
import { redactText } from "../state/redact.ts";
import type { Digest } from "../values/digest.ts";
import { shortDigest } from "../values/digest.ts";
import { formatDuration } from "../values/duration.ts";
import { beyondReason } from "./beyond-reason.ts";
import type { Outcome, RunKind } from "./outcome.ts";
import type { Phase } from "./phases.ts";

interface About {
  container: string;
  /** Key in the configuration: the name in the title. */
  service: string;
  /** Containers in its namespaces, which went the same way. */
  followers?: readonly string[];
}

interface Trouble extends About {
  phase: Phase;
  why: string;
  evidence: readonly string[];
}

/** Everything about an update that somebody is told. Data; `messageOf` makes the text. */
export type UpdateEvent =
  | (About & { event: "update-available"; reference: string; candidate: Digest })
  | (About & {
      event: "update-blocked";
      reference: string;
      candidate: Digest;
      decision: Extract<Decision, { kind: "block" }>;
    })
  | (About & { event: "update-held"; reference: string; reason: HoldReason; why: string })
  | (About & {
      event: "update-success";
      reference: string;
      /** Digest where one is known, else the image id. */
      from: string;
      to: string;
      comparison: Comparison | null;
      /** Findings that pass but are named (MEDIUM). */
      named: readonly string[];
      approvals: readonly AppliedApproval[];
      downtimeMs: number | null;
      /** True after `rollback container`. */
      isRollBack: boolean;
    })
  | (Trouble & {
      event: "update-failed";
      /** False: nothing had been changed yet. */
      isRolledBack: boolean;
    })
  | (Trouble & { event: "rollback-triggered" })
  | (Trouble & { event: "rollback-failed" })
  | {
      event: "run-summary";
      kind: RunKind;
      containers: readonly { container: string; outcome: Pick<Outcome, "kind"> }[];
      durationMs: number;
      interrupted: string | null;
      /** Messages about other things that a person should know (state, logs). */
      problems: readonly string[];
    };

const SHAPES: Record<EventName, { priority: number; tag: string }> = {
  "update-available": { priority: 3, tag: "package" },
  "update-blocked": { priority: 4, tag: "no_entry" },
  "update-held": { priority: 3, tag: "hourglass" },
  "update-success": { priority: 3, tag: "white_check_mark" },
  "update-failed": { priority: 5, tag: "rotating_light" },
  "rollback-triggered": { priority: 4, tag: "rewind" },
  "rollback-failed": { priority: 5, tag: "sos" },
  "postgres-started": { priority: 3, tag: "elephant" },
  "postgres-complete": { priority: 3, tag: "elephant" },
  "run-summary": { priority: 3, tag: "clipboard" },
};

const URGENT_PRIORITY = 5;
// ntfy turns a longer message into an attachment (4,096 bytes).
const LONGEST_BODY = 3500;
const LONGEST_WHY = 400;
const MOST_EVIDENCE = 4;

export interface MessageOptions {
  host: string;
  notify: Pick<NotifyConfig, "events"> & { ntfy: unknown; fallback: unknown };
  /** Where a report can be read; null without an address for people. */
  click?: string | null;
  /** Makes the message unique: recovery that tells the same again changes nothing (I6). */
  key?: string;
}

/** The message of an event, ready for the outbox; null where the configuration wants none. */
export function messageOf(event: UpdateEvent, options: MessageOptions): NewMessage | null {
  const subject = event.event === "run-summary" ? event.kind : event.service;
  const container = event.event === "run-summary" ? null : event.container;
  return shapeMessage(event.event, { subject, container, body: bodyOf(event) }, options);
}

/** Title, priority, tags and channels of any event, for texts made elsewhere (PostgreSQL). */
export function shapeMessage(
  event: EventName,
  text: { subject: string; container: string | null; body: string },
  { host, notify, click, key }: MessageOptions,
): NewMessage | null {
  const setting = notify.events[event];
  if (setting?.send === false) return null;
  const shape = SHAPES[event];
  const priority = setting?.priority ?? shape.priority;
  const channels: ("main" | "fallback")[] = [];
  if (notify.ntfy !== null) channels.push("main");
  if (notify.fallback !== null && priority >= URGENT_PRIORITY) channels.push("fallback");
  if (channels.length === 0) return null;
  // Host and container as plain tags: readers filter with `?tags=`.
  const names = [host, text.container].filter((name) => name !== null);
  return {
    event,
    container: text.container,
    channels,
    ...(key === undefined ? {} : { key }),
    message: {
      title: `[${host}] container update: ${text.subject}`,
      body: shorten(text.body, LONGEST_BODY),
      priority,
      tags: [shape.tag, "pratique", ...names],
      click: click ?? null,
    },
  };
}

/** `<status> - <details>`, one fact a line: the first line is what a locked phone shows. */
function bodyOf(event: UpdateEvent): string {
  switch (event.event) {
    case "update-available":
      return `available - ${event.reference} has a new image ${shortDigest(event.candidate)}`;
    case "update-blocked":
      return blockedBody(event);
    case "update-held":
      return `held - ${event.reference}: ${holdText(event.reason)}\n${cleaned(event.why)}`;
    case "update-success":
      return successBody(event);
    case "update-failed": {
      const end = event.isRolledBack
        ? "rolled back, the former image runs and is as healthy as before"
        : "nothing was changed";
      return troubleBody(`failed - in ${event.phase}; ${end}`, event, "brought back with it");
    }
    case "rollback-triggered":
      return troubleBody(`rolling back - ${event.phase} failed`, event);
    case "rollback-failed":
      return troubleBody(
        "roll-back failed - the service needs a person now",
        event,
        "look at these, too",
      );
    case "run-summary":
      return summaryBody(event);
  }
}

function blockedBody(event: Extract<UpdateEvent, { event: "update-blocked" }>): string {
  const { blockers, comparison, expiredApprovals } = event.decision;
  const lines = [`blocked - ${event.reference}: ${blockersText(blockers)}`];
  if (comparison !== null) lines.push(comparisonText(comparison));
  if (comparison !== null && isKeepingWorse(comparison)) {
    lines.push("What runs now is worse than the candidate: not updating is the greater risk.");
  }
  for (const approval of expiredApprovals) lines.push(`expired: ${approvalText(approval)}`);
  if (blockers.every(({ rule }) => rule !== "denied-image")) {
    lines.push(`To let it pass: pratique queue approve ${event.container} --reason TEXT`);
  }
  return lines.join("\n");
}

function successBody(event: Extract<UpdateEvent, { event: "update-success" }>): string {
  const status = event.isRollBack ? "rolled back by hand" : "updated";
  const change = `${shortDigest(event.from)} → ${shortDigest(event.to)}`;
  const lines = [`${status} - ${event.reference} ${change}, healthy`];
  const { comparison } = event;
  if (comparison !== null && comparison.running !== null) {
    const { fixed, logged = [] } = comparison;
    lines.push(`fixed: ${countedIds(fixed, logged)}; new: ${countedIds(comparison.new, logged)}`);
  }
  if (event.named.length > 0) lines.push(`still there: ${idsText(event.named)}`);
  lines.push(...followersLine("recreated with it", event));
  for (const approval of event.approvals) lines.push(approvalText(approval));
  if (event.downtimeMs !== null) lines.push(`downtime: ${formatDuration(event.downtimeMs)}`);
  return lines.join("\n");
}

function countedIds(ids: readonly string[], logged: readonly string[]): string {
  if (ids.length === 0) return "none";
  const named = ids.filter((id) => !logged.includes(id));
  if (named.length === 0) return `${ids.length} (only logged)`;
  const rest = ids.length - named.length;
  return `${ids.length} (${idsText(named, 5)}${rest === 0 ? "" : `, ${rest} only logged`})`;
}

function troubleBody(status: string, trouble: Trouble, label = ""): string {
  const reason = cleaned(trouble.why);
  const more = beyondReason(reason, trouble.evidence.map(cleaned)).slice(0, MOST_EVIDENCE);
  return [status, reason, ...followersLine(label, trouble), ...more].join("\n");
}

function followersLine(label: string, { followers = [] }: About): string[] {
  return followers.length === 0 || label === "" ? [] : [`${label}: ${idsText(followers, 12)}`];
}

const SUMMARY_WORDS: readonly [Outcome["kind"], string][] = [
  ["rollback-failed", "roll-back failed"],
  ["failed", "failed"],
  ["rolled-back", "rolled back"],
  ["blocked", "blocked"],
  ["held", "held"],
  ["updated", "updated"],
  ["available", "available"],
  ["would-update", "would be updated"],
  ["up-to-date", "up to date"],
  ["skipped", "skipped"],
];
const NAMED_IN_SUMMARY = new Set<Outcome["kind"]>([
  "rollback-failed",
  "failed",
  "rolled-back",
  "blocked",
  "held",
  "updated",
  "available",
]);

function summaryBody(event: Extract<UpdateEvent, { event: "run-summary" }>): string {
  const end = event.interrupted === null ? "done" : `interrupted: ${cleaned(event.interrupted)}`;
  const lines = [
    `${end} - ${event.containers.length} containers in ${formatDuration(event.durationMs)}`,
  ];
  for (const [kind, words] of SUMMARY_WORDS) {
    const names = event.containers
      .filter(({ outcome }) => outcome.kind === kind)
      .map(({ container }) => container);
    if (names.length === 0) continue;
    const list = NAMED_IN_SUMMARY.has(kind) ? `: ${idsText(names, 12)}` : "";
    lines.push(`${names.length} ${words}${list}`);
  }
  lines.push(...event.problems.slice(0, MOST_EVIDENCE).map(cleaned));
  return lines.join("\n");
}

/** Foreign text: one line, no credentials, no more than a phone shows. */
function cleaned(text: string): string {
  return shorten(redactText(text).replace(/\s+/g, " ").trim(), LONGEST_WHY);
}

/** Cuts at a character, in bytes as ntfy counts. */
function shorten(text: string, longestBytes: number): string {
  if (Buffer.byteLength(text) <= longestBytes) return text;
  const cut = Buffer.from(text)
    .subarray(0, longestBytes - 3)
    .toString("utf8");
  return `${cut.replace(/\uFFFD+$/, "")}…`;
}
