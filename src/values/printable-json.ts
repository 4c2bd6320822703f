/**
 * JSON text that a terminal shows and does not obey: what JSON leaves as it is (C1 controls, line
 * separators, what turns the direction of writing) is escaped too. It is still the same JSON.
 */
export function printableJson(text: string): string {
  return text.replace(/[\u007f-\u009f\p{Bidi_Control}\p{Zl}\p{Zp}]/gu, escaped);
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
