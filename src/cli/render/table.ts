import { type Paint, painter, type Tone } from "./style.ts";
import { visible } from "./visible.ts";

export interface Column<Row> {
  header: string;
  cell: (row: Row) => string;
  tone?: (row: Row) => Tone;
  align?: "right";
  /** May be cut where the terminal is narrow, but not below this many characters. */
  shrinksTo?: number;
  /** Where the end tells more than the beginning: image references, at a slash if there is one. */
  cutsFront?: true;
}

const GAP = "  ";

/**
 * Lines of a table that fits the width: columns that may shrink are cut with `…`, the widest first.
 * Cells are made harmless here, so callers pass text from outside as it is.
 */
export function table<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  options: { width: number; paint?: Paint },
): string[] {
  const cells = rows.map((row) => columns.map(({ cell }) => visible(cell(row))));
  const widths = columns.map(({ header }, index) =>
    Math.max(header.length, ...cells.map((line) => lengthOf(line[index] ?? ""))),
  );
  shrink(widths, columns, options.width);
  const paint = options.paint ?? painter(false);

  function line(texts: readonly string[], toneOf: (index: number) => Tone): string {
    return texts
      .map((text, index) => {
        const cut = (columns[index]?.cutsFront ? truncateFront : truncate)(
          text,
          widths[index] ?? 0,
        );
        const space = " ".repeat(Math.max(0, (widths[index] ?? 0) - lengthOf(cut)));
        const painted = paint(cut, toneOf(index));
        return columns[index]?.align === "right" ? space + painted : painted + space;
      })
      .join(GAP)
      .trimEnd();
  }

  return [
    line(
      columns.map(({ header }) => header),
      () => "quiet",
    ),
    ...rows.map((row, number) =>
      line(cells[number] ?? [], (index) => columns[index]?.tone?.(row) ?? "plain"),
    ),
  ];
}

function shrink(widths: number[], columns: readonly Column<never>[], width: number): void {
  const spare = () =>
    width - widths.reduce((sum, each) => sum + each, 0) - GAP.length * (widths.length - 1);
  // Bounded: each turn takes one character from one column.
  for (let excess = -spare(); excess > 0 && Number.isFinite(excess); excess -= 1) {
    let widest = -1;
    for (const [index, column] of columns.entries()) {
      const canShrink = column.shrinksTo !== undefined && (widths[index] ?? 0) > column.shrinksTo;
      if (canShrink && (widest < 0 || (widths[index] ?? 0) > (widths[widest] ?? 0))) widest = index;
    }
    if (widest < 0) return;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
}

/** Length in characters as people count them, roughly: code points. */
export function lengthOf(text: string): number {
  return [...text].length;
}

/** At most this many characters; what is cut shows as `…`. */
export function truncate(text: string, length: number): string {
  const characters = [...text];
  if (characters.length <= length) return text;
  return length < 1 ? "" : `${characters.slice(0, length - 1).join("")}…`;
}

function truncateFront(text: string, length: number): string {
  const characters = [...text];
  if (characters.length <= length) return text;
  if (length < 1) return "";
  const end = characters.slice(characters.length - length + 1).join("");
  // A name that lacks its first letters looks like another name.
  return `…${end.slice(Math.max(0, end.indexOf("/")))}`;
}
