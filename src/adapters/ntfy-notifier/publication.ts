import type { Message } from "../../ports.ts";

/** Body of a JSON publish (ntfy docs, "Publish as JSON"). */
export interface Publication {
  topic: string;
  title: string;
  message: string;
  priority: number;
  tags: string[];
  click?: string;
}

/** Over 4,096 bytes ntfy makes an attachment of a message, or refuses it (code 40014). */
const MAX_MESSAGE_BYTES = 3_500;
const MAX_TITLE_BYTES = 250;
const MAX_TAG_BYTES = 60;
const MAX_TAGS = 10;
const MAX_CLICK_BYTES = 1_000;
const ELLIPSIS = "…";

/** What is sent for a message: one-line title, bounded body, priority 1 to 5. */
export function toPublication(message: Message, topic: string): Publication {
  const priority = Number.isFinite(message.priority) ? Math.round(message.priority) : 3;
  const click = message.click ?? "";
  const isLink = /^https?:\/\/\S+$/.test(click) && Buffer.byteLength(click) <= MAX_CLICK_BYTES;
  return {
    topic,
    title: cutToBytes(oneLine(message.title), MAX_TITLE_BYTES),
    message: cutToBytes(printable(message.body), MAX_MESSAGE_BYTES),
    priority: Math.min(5, Math.max(1, priority)),
    tags: message.tags
      .slice(0, MAX_TAGS)
      // ntfy separates tags by commas wherever it shows or filters them.
      .map((tag) => cutToBytes(oneLine(tag).replaceAll(",", ""), MAX_TAG_BYTES))
      .filter((tag) => tag !== ""),
    ...(isLink ? { click } : {}),
  };
}

/** The longest beginning that fits, with an ellipsis where something is missing. */
export function cutToBytes(text: string, maxBytes: number): string {
  if (Buffer.byteLength(text) <= maxBytes) return text;
  let size = Buffer.byteLength(ELLIPSIS);
  let kept = "";
  for (const character of text) {
    size += Buffer.byteLength(character);
    if (size > maxBytes) break;
    kept += character;
  }
  return kept + ELLIPSIS;
}

function oneLine(text: string): string {
  return printable(text).replace(/\s+/g, " ").trim();
}

/**
 * Without control characters but line breaks and tabs, and without those that turn the direction
 * of writing: a name must not look like another one. A lone surrogate becomes U+FFFD.
 */
function printable(text: string): string {
  return text
    .toWellFormed()
    .replace(/\r\n?/g, "\n")
    .replace(/(?![\n\t])\p{Cc}/gu, "")
    .replace(/[\p{Bidi_Control}\p{Zl}\p{Zp}]/gu, "");
}
