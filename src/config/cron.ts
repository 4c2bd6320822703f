const FIELDS = [
  { name: "minute", lowest: 0, highest: 59, words: [] },
  { name: "hour", lowest: 0, highest: 23, words: [] },
  { name: "day of month", lowest: 1, highest: 31, words: [] },
  {
    name: "month",
    lowest: 1,
    highest: 12,
    words: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
  },
  {
    name: "weekday",
    lowest: 0,
    highest: 7,
    words: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
  },
] as const;

type Field = (typeof FIELDS)[number];

/** A step follows `*` or a range (crontab(5)); what `5/15` means differs between programs. */
const ITEM = /^(?:([0-9a-z]+)|(?:\*|([0-9a-z]+)-([0-9a-z]+))(?:\/(\d+))?)$/i;

/** Why a text is no cron expression of five fields (crontab(5)); null when it is one. */
export function cronProblem(text: string): string | null {
  const parts = text.trim().split(/\s+/);
  if (parts.length !== FIELDS.length) {
    return `must have five fields (minute hour day month weekday), such as "30 4 * * 3"`;
  }
  for (const [index, field] of FIELDS.entries()) {
    for (const item of (parts[index] ?? "").split(",")) {
      if (!isItem(item, field)) {
        return `"${item}" is no ${field.name} (${field.lowest} to ${field.highest}, *, lists, ranges, steps of * or of a range)`;
      }
    }
  }
  return null;
}

function isItem(item: string, field: Field): boolean {
  const match = ITEM.exec(item);
  if (match === null) return false;
  const [, single, rangeFirst, rangeLast, stepText] = match;
  if (stepText !== undefined && (Number(stepText) < 1 || Number(stepText) > field.highest)) {
    return false;
  }
  if (single !== undefined) return numberOf(single, field) !== null;
  if (rangeFirst === undefined || rangeLast === undefined) return true;
  const first = numberOf(rangeFirst, field);
  const last = numberOf(rangeLast, field);
  return first !== null && last !== null && first <= last;
}

function numberOf(text: string, field: Field): number | null {
  const word = (field.words as readonly string[]).indexOf(text.toLowerCase());
  if (word >= 0) return word + (field.name === "month" ? 1 : 0);
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  return value >= field.lowest && value <= field.highest ? value : null;
}
