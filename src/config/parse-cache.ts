import type { RawDocument } from "./raw-document.ts";

/** Where the file that was parsed last is kept: one place, so that it cannot grow. */
export interface ParseCacheStore {
  read(): string | null;
  /** Failing is fine: then the next start parses again. */
  write(content: string): void;
}

/** Raised whenever the shape of what is kept changes. */
const FORMAT = 1;

interface Kept {
  format: number;
  /** The whole text it was made of: equal text is the only proof that it is still right. */
  text: string;
  raw: RawDocument;
}

/** What was kept of this very text; null where nothing was. Anything unexpected is nothing. */
export function readKept(text: string, store: ParseCacheStore): RawDocument | null {
  const content = store.read();
  if (content === null) return null;
  try {
    const kept: Partial<Kept> = JSON.parse(content);
    return kept.format === FORMAT && kept.text === text ? (kept.raw ?? null) : null;
  } catch {
    return null;
  }
}

/**
 * Keeps a parsed file, so that the next start need not load the YAML parser. A text that holds a
 * secret in clear is not copied anywhere.
 */
export function keep(
  text: string,
  raw: RawDocument,
  secrets: ReadonlySet<string>,
  store: ParseCacheStore,
): void {
  if (raw.problems.length > 0 || [...secrets].some((secret) => text.includes(secret))) return;
  const kept: Kept = { format: FORMAT, text, raw };
  store.write(JSON.stringify(kept));
}
