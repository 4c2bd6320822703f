/** Colours that only repeat what the words already say. */
export type Tone = "good" | "warning" | "bad" | "quiet" | "strong" | "plain";

const CODES: Readonly<Record<Tone, readonly [number, number] | null>> = {
  good: [32, 39],
  warning: [33, 39],
  bad: [31, 39],
  quiet: [2, 22],
  strong: [1, 22],
  plain: null,
};

export type Paint = (text: string, tone: Tone) => string;

/** Paints with terminal codes, or not at all. */
export function painter(hasColour: boolean): Paint {
  if (!hasColour) return (text) => text;
  return (text, tone) => {
    const codes = CODES[tone];
    return codes === null ? text : `\u001b[${codes[0]}m${text}\u001b[${codes[1]}m`;
  };
}
