import type { Span } from "./terminal.ts";

const CHARACTER_WIDTH = 8.4;
const LINE_HEIGHT = 19;
const FONT_SIZE = 14;
const PADDING = 16;
const FONTS = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace";

/** Follows the reader's colour scheme, also as an `<img>`. */
const CSS = `
  .paper { fill: #ffffff; stroke: #d0d7de; }
  text { fill: #1f2328; }
  .bold { font-weight: 600; }
  .dim { fill: #656d76; }
  .red { fill: #b91c1c; }
  .green { fill: #166534; }
  .yellow { fill: #854d0e; }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #0d1117; stroke: #30363d; }
    text { fill: #e6edf3; }
    .dim { fill: #8b949e; }
    .red { fill: #ff7b72; }
    .green { fill: #56d364; }
    .yellow { fill: #e3b341; }
  }
`;

/** A picture of a terminal's lines. `title` is what a screen reader says. */
export function terminalSvg(
  lines: readonly (readonly Span[])[],
  { columns, title }: { columns: number; title: string },
): string {
  const width = Math.ceil(columns * CHARACTER_WIDTH + 2 * PADDING);
  const height = lines.length * LINE_HEIGHT + 2 * PADDING;
  const rows = lines.map((line, index) => {
    const y = PADDING + index * LINE_HEIGHT + FONT_SIZE;
    return row(line, y);
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>${escapeXml(title)}</title>
<style>${CSS}</style>
<rect class="paper" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8"/>
<g font-family="${FONTS}" font-size="${FONT_SIZE}">
${rows.filter((text) => text !== "").join("\n")}
</g>
</svg>
`;
}

/** Every word group has its own place, so that columns stand in line whatever the font is. */
function row(line: readonly Span[], y: number): string {
  let column = 0;
  const parts: string[] = [];
  for (const { text, styles } of line) {
    for (const [, gap = "", words = ""] of text.matchAll(/( *)((?:[^ ]| (?=[^ ]))*)/g)) {
      column += gap.length;
      if (words !== "") parts.push(place(words, styles, column, y));
      column += [...words].length;
    }
  }
  return parts.join("");
}

function place(words: string, styles: readonly string[], column: number, y: number): string {
  const x = (PADDING + column * CHARACTER_WIDTH).toFixed(1);
  const length = ([...words].length * CHARACTER_WIDTH).toFixed(1);
  const look = styles.length === 0 ? "" : ` class="${styles.join(" ")}"`;
  return `<text x="${x}" y="${y}" textLength="${length}"${look}>${escapeXml(words)}</text>`;
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
