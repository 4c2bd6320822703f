/** A line longer than this is no message of an engine. */
const MAX_LINE_BYTES = 4 * 1024 * 1024;

/** Splits a stream into its JSON lines; throws for a line that is none or has no end. */
export async function* readJsonLines(source: AsyncIterable<Buffer>): AsyncGenerator<unknown> {
  const parts: Buffer[] = [];
  let partBytes = 0;
  for await (const chunk of source) {
    let from = 0;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      parts.push(chunk.subarray(from, at));
      const line = takeLine(parts);
      partBytes = 0;
      from = at + 1;
      if (line !== "") yield JSON.parse(line);
    }
    parts.push(chunk.subarray(from));
    partBytes += chunk.length - from;
    if (partBytes > MAX_LINE_BYTES) throw new Error("a line of the engine's answer has no end");
  }
  const rest = takeLine(parts);
  if (rest !== "") yield JSON.parse(rest);
}

function takeLine(parts: Buffer[]): string {
  return Buffer.concat(parts.splice(0)).toString("utf8").trim();
}
