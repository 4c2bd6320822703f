/** A server that tells its errors in German, as one does where the host's language is German. */
import type { ImageSpec } from "../../lab/lab-types.ts";
import { type PostgresVersion, postgresImage } from "../../lab/postgres-images.ts";

/** The image's own packages come without translations. */
export function inGerman(version: PostgresVersion): ImageSpec {
  const image = postgresImage(version);
  const major = image.env?.PG_MAJOR;
  const path = `/usr/share/locale/de/LC_MESSAGES/postgres-${major}.mo`;
  return {
    ...image,
    files: { ...image.files, [path]: catalogue({ ERROR: "FEHLER" }) },
    // Takes the place of a German locale, which the image does not have either.
    env: { ...image.env, LANGUAGE: "de" },
  };
}

const MAGIC = 0x950412de;
const HEADER_BYTES = 28;
const ENTRY_BYTES = 8;

/** The format of gettext's msgfmt. */
function catalogue(translations: Readonly<Record<string, string>>): Buffer {
  const entries = Object.entries({
    "": "Content-Type: text/plain; charset=UTF-8\n",
    ...translations,
  }).toSorted(([left], [right]) => (left < right ? -1 : 1));
  const texts = [...entries.map(([id]) => id), ...entries.map(([, text]) => text)];
  const index = Buffer.alloc(texts.length * ENTRY_BYTES);
  let offset = HEADER_BYTES + index.length;
  for (const [at, text] of texts.entries()) {
    const bytes = Buffer.byteLength(text);
    index.writeUInt32LE(bytes, at * ENTRY_BYTES);
    index.writeUInt32LE(offset, at * ENTRY_BYTES + 4);
    offset += bytes + 1;
  }
  const header = Buffer.alloc(HEADER_BYTES);
  const half = HEADER_BYTES + index.length / 2;
  for (const [at, value] of [MAGIC, 0, entries.length, HEADER_BYTES, half, 0, offset].entries()) {
    header.writeUInt32LE(value, at * 4);
  }
  return Buffer.concat([header, index, ...texts.map((text) => Buffer.from(`${text}\0`))]);
}
