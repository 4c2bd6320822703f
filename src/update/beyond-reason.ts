/** The evidence without what the reason says already: its probes and how long was waited. */
export function beyondReason(why: string, evidence: readonly string[]): string[] {
  return evidence.filter((line) => !why.includes(line.replace(/^waited /, "within ")));
}
