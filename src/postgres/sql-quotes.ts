/** The quote that is open at the end of a line: nothing inside it is a statement. */
export type OpenQuote = null | "'" | "E'" | '"' | `$${string}$`;

const OPENING = /--|'|"|\$(?:[A-Za-z_\u0080-\u00ff][\w\u0080-\u00ff]*)?\$/g;
const WORD = /[\w$\u0080-\u00ff]/;

/**
 * Follows quotes through one line of SQL (bytes as latin1): strings with doubled quotes, E strings
 * with backslashes, quoted names, dollar quotes, comments to the end of the line.
 */
export function quoteAfter(line: string, before: OpenQuote): OpenQuote {
  let open = before;
  let at = 0;
  while (at <= line.length) {
    if (open !== null) {
      const end = closingIndex(line, at, open);
      if (end < 0) return open;
      at = end;
      open = null;
      continue;
    }
    OPENING.lastIndex = at;
    const found = OPENING.exec(line);
    if (found === null || found[0] === "--") return null;
    at = found.index + found[0].length;
    const previous = line[found.index - 1] ?? " ";
    if (found[0] === '"') open = '"';
    else if (found[0] === "'") open = isEscapeString(line, found.index) ? "E'" : "'";
    else if (!WORD.test(previous)) open = found[0] as OpenQuote;
    else at = found.index + 1;
  }
  return open;
}

/** Index after the closing quote; -1 where the line ends first. */
function closingIndex(line: string, start: number, open: Exclude<OpenQuote, null>): number {
  if (open.startsWith("$")) {
    const end = line.indexOf(open, start);
    return end < 0 ? -1 : end + open.length;
  }
  const quote = open === '"' ? '"' : "'";
  for (let at = start; at < line.length; at += 1) {
    if (open === "E'" && line[at] === "\\") at += 1;
    else if (line[at] === quote) {
      if (line[at + 1] !== quote) return at + 1;
      at += 1;
    }
  }
  return -1;
}

function isEscapeString(line: string, quoteIndex: number): boolean {
  const isMarked = /[eE]/.test(line[quoteIndex - 1] ?? " ");
  return isMarked && !WORD.test(line[quoteIndex - 2] ?? " ");
}
