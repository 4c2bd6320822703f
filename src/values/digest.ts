/** A content digest, `sha256:` and 64 hexadecimal digits. */
export type Digest = `sha256:${string}`;

const SHA256 = /^sha256:[0-9a-f]{64}$/;

/** Whether a text is a complete sha256 digest. */
export function isDigest(text: string): text is Digest {
  return SHA256.test(text);
}

/** The digest, or null where the text is none. */
export function parseDigest(text: string | null | undefined): Digest | null {
  return text !== null && text !== undefined && isDigest(text) ? text : null;
}

/** The text with its complete digests cut to twelve digits: nobody reads 64. */
export function shortenDigests(text: string): string {
  return text.replace(/(sha256:[0-9a-f]{12})[0-9a-f]{52}/g, "$1…");
}

/** First twelve hexadecimal digits, as people compare ids. */
export function shortDigest(digest: string): string {
  return digest.replace(/^sha256:/, "").slice(0, 12);
}
