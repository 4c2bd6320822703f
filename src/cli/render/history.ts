import { idsText } from "../../policy/decision-text.ts";
import type { Update } from "../../state/updates.ts";
import { shortDigest } from "../../values/digest.ts";
import { formatDuration } from "../../values/duration.ts";
import { outcomeTone, outcomeWord } from "./outcome.ts";
import type { Paint } from "./style.ts";
import { localTime } from "./time.ts";
import { visible } from "./visible.ts";

/** Past updates, newest first: each with phases, downtime, findings fixed and new. */
export function historyLines(updates: readonly Update[], options: { paint: Paint }): string[] {
  if (updates.length === 0) return ["There is no history yet."];
  return updates.flatMap((update) => entryLines(update, options.paint));
}

function entryLines(update: Update, paint: Paint): string[] {
  const { outcome, phases } = update;
  const word = paint(outcomeWord(outcome.kind), outcomeTone(outcome.kind));
  const totalMs = phases.reduce((sum, { durationMs }) => sum + durationMs, 0);
  const why = "why" in outcome ? [`  why       ${visible(outcome.why)}`] : [];
  const timings = phases.map(({ phase, durationMs }) => `${phase} ${formatDuration(durationMs)}`);
  const downtime =
    update.downtimeMs === null ? "" : `, downtime ${formatDuration(update.downtimeMs)}`;
  return [
    `${localTime(update.atMs)}  ${visible(update.container)}  ${word}  ${imagesText(update)}`,
    ...why,
    ...(timings.length === 0
      ? []
      : [`  took      ${formatDuration(totalMs)}${downtime} (${timings.join(", ")})`]),
    ...(update.fixed.length === 0
      ? []
      : [`  fixed     ${update.fixed.length}: ${visible(idsText(update.fixed))}`]),
    ...(update.new.length === 0
      ? []
      : [`  new       ${update.new.length}: ${visible(idsText(update.new))}`]),
    `  run       ${update.runId}`,
  ];
}

function imagesText({ from, to, reference }: Update): string {
  const name = (image: Update["from"]) => shortDigest(image.digest ?? image.imageId ?? "unknown");
  const isSame = to.digest === null && to.imageId === null;
  return `${visible(reference)}  ${name(from)}${isSame ? "" : ` → ${name(to)}`}`;
}
