/** What a terminal shows in the end, of the bytes that were written to it. */

/** Words of the classes in the picture; a span may have several. */
export type Style = "bold" | "dim" | "red" | "green" | "yellow";

export interface Span {
  text: string;
  styles: readonly Style[];
}

interface Cell {
  character: string;
  styles: readonly Style[];
}

const STYLES: Readonly<Record<number, Style>> = {
  1: "bold",
  2: "dim",
  31: "red",
  32: "green",
  33: "yellow",
};
/** What a code takes away. */
const ENDS: Readonly<Record<number, readonly Style[]>> = {
  0: ["bold", "dim", "red", "green", "yellow"],
  22: ["bold", "dim"],
  39: ["red", "green", "yellow"],
};
// biome-ignore lint/suspicious/noControlCharactersInRegex: terminal codes begin with one.
const SEQUENCE = /\u001b\[([0-9;?]*)([A-Za-z])|\r\n|[\s\S]/gu;

/**
 * The lines of a terminal with so many columns after this output, scrolled-out ones included.
 * Knows what pratique's own output uses: colours, cursor up, erase below.
 */
export function screenOf(output: string, columns: number): Span[][] {
  const rows: Cell[][] = [[]];
  let row = 0;
  let column = 0;
  let styles: readonly Style[] = [];

  function newLine(): void {
    row += 1;
    column = 0;
    rows[row] ??= [];
  }

  function put(character: string): void {
    if (column === columns) newLine();
    const cells = rows[row] ?? [];
    while (cells.length < column) cells.push({ character: " ", styles: [] });
    cells[column] = { character, styles };
    column += 1;
  }

  function control(parameters: string, letter: string): void {
    const numbers = parameters.split(";").map(Number);
    if (letter === "m") for (const number of numbers) styles = restyled(styles, number);
    else if (letter === "A") row = Math.max(0, row - (numbers[0] || 1));
    else if (letter === "J") {
      rows.splice(row + 1);
      rows[row]?.splice(column);
    }
  }

  for (const [text, parameters, letter] of output.matchAll(SEQUENCE)) {
    if (letter !== undefined) control(parameters ?? "", letter);
    else if (text === "\r\n" || text === "\n") newLine();
    else if (text === "\r") column = 0;
    else if (text >= " ") put(text);
  }
  return rows.map(toSpans);
}

function restyled(styles: readonly Style[], code: number): readonly Style[] {
  const style = STYLES[code];
  if (style !== undefined) return [...styles, style];
  return styles.filter((each) => !ENDS[code]?.includes(each));
}

/** Neighbours that look the same become one span; spaces at the end are nothing. */
function toSpans(cells: readonly Cell[]): Span[] {
  const spans: Span[] = [];
  for (const { character, styles } of cells) {
    const last = spans.at(-1);
    if (last !== undefined && last.styles.join() === styles.join()) last.text += character;
    else spans.push({ text: character, styles });
  }
  return spans;
}

export function textOf(line: readonly Span[]): string {
  return line
    .map(({ text }) => text)
    .join("")
    .trimEnd();
}
