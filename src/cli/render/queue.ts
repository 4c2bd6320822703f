import { idsText } from "../../policy/decision-text.ts";
import type { QueueEntry, QueueReason } from "../../state/queue.ts";
import { shortDigest } from "../../values/digest.ts";
import { heldText } from "./decision.ts";
import type { Paint, Tone } from "./style.ts";
import { table } from "./table.ts";
import { relativeTime } from "./time.ts";

/** The retry queue, longest waiting first. */
export function queueLines(
  entries: readonly QueueEntry[],
  options: { width: number; paint: Paint; nowMs: number },
): string[] {
  if (entries.length === 0) return ["The retry queue is empty."];
  return table(
    [
      { header: "CONTAINER", cell: ({ container }) => container, shrinksTo: 16 },
      { header: "SINCE", cell: ({ sinceMs }) => relativeTime(sinceMs, options.nowMs) },
      { header: "TRIES", cell: ({ attempts }) => String(attempts), align: "right" },
      {
        header: "DIGEST",
        cell: ({ digest }) => (digest === null ? "unknown" : shortDigest(digest)),
      },
      {
        header: "REASON",
        cell: ({ reason }) => queueWord(reason),
        tone: ({ reason }) => queueTone(reason),
      },
      { header: "WHY", cell: queueWhy, shrinksTo: 20 },
    ],
    entries,
    options,
  );
}

/** BLOCKED, HELD, FAILED (verify): the word; the reason follows it. */
export function queueWord(reason: QueueReason): string {
  switch (reason.kind) {
    case "blocked":
      return "BLOCKED";
    case "held":
      return "HELD";
    case "failed":
      return `FAILED (${reason.phase})`;
    case "imported":
      return "IMPORTED";
  }
}

export function queueTone({ kind }: QueueReason): Tone {
  return kind === "held" || kind === "imported" ? "warning" : "bad";
}

/** Why it waits, with the findings that block. */
export function queueWhy({ reason, ids }: Pick<QueueEntry, "reason" | "ids">): string {
  if (reason.kind === "held") return heldText({ reason: reason.hold, why: reason.why });
  const isNamed = ids.every((id) => reason.why.includes(id));
  return ids.length === 0 || isNamed ? reason.why : `${reason.why} (${idsText(ids)})`;
}
