import type { Paint } from "../../src/cli/render/style.ts";
import type { NtfyMessage } from "../lab/lab-types.ts";

/** ntfy's app draws tags that name an emoji in front of the title (docs.ntfy.sh/emojis). */
const EMOJIS: Readonly<Record<string, string>> = {
  package: "📦",
  no_entry: "⛔",
  hourglass: "⌛",
  white_check_mark: "✅",
  rotating_light: "🚨",
  rewind: "⏪",
  sos: "🆘",
  elephant: "🐘",
  clipboard: "📋",
};
const PRIORITIES = ["", "min", "low", "default", "high", "urgent"];

/** Messages as ntfy's app shows them, oldest first. */
export function phoneLines(messages: readonly NtfyMessage[], paint: Paint): string[] {
  return messages.flatMap((message) => {
    const { title = "", message: body = "", priority = 3, tags = [] } = message;
    const emojis = tags.flatMap((tag) => EMOJIS[tag] ?? []);
    const tone = priority > 3 ? "bad" : "quiet";
    return [
      `${paint([...emojis, title].join(" "), "strong")}  ${paint(`priority ${priority}, ${PRIORITIES[priority]}`, tone)}`,
      ...body.split("\n").map((line) => `│ ${line}`),
      "",
    ];
  });
}
