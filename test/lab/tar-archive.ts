/** Writes tar archives (POSIX ustar) for image layers: the same entries give the same bytes. */

export interface TarEntry {
  /** Without leading slash. */
  path: string;
  mode: number;
  content?: Buffer;
  /** Target of a symbolic link. */
  link?: string;
  isFolder?: boolean;
}

const BLOCK_SIZE = 512;

export function writeTar(entries: readonly TarEntry[]): Buffer {
  const blocks = entries.flatMap((entry) => {
    const content = entry.content ?? Buffer.alloc(0);
    const padding = (BLOCK_SIZE - (content.length % BLOCK_SIZE)) % BLOCK_SIZE;
    return [header(entry, content.length), content, Buffer.alloc(padding)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK_SIZE)]);
}

function header(entry: TarEntry, sizeBytes: number): Buffer {
  const block = Buffer.alloc(BLOCK_SIZE);
  const path = entry.isFolder ? `${entry.path}/` : entry.path;
  if (Buffer.byteLength(path) > 100) throw new Error(`Path too long for a tar header: ${path}`);
  const octal = (value: number, length: number) =>
    `${value.toString(8).padStart(length - 1, "0")}\0`;
  block.write(path, 0);
  block.write(octal(entry.mode, 8), 100);
  block.write(octal(0, 8), 108); // Owner and group: root.
  block.write(octal(0, 8), 116);
  block.write(octal(sizeBytes, 12), 124);
  block.write(octal(0, 12), 136); // Modified: 1970, always.
  block.write(" ".repeat(8), 148); // The checksum counts itself as blanks.
  block.write(entry.isFolder ? "5" : entry.link === undefined ? "0" : "2", 156);
  block.write(entry.link ?? "", 157);
  block.write("ustar\u000000", 257);
  const checksum = block.reduce((sum, byte) => sum + byte, 0);
  block.write(`${checksum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}
