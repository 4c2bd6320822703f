/**
 * Writes a database file in the format of bbolt, which Trivy reads. Debian's Go and its bbolt
 * package would do it too, but bring 250 MB to every new machine; a file that is written once and
 * never changed needs only the few structures below. The format: go.etcd.io/bbolt, page.go,
 * meta (db.go), bucket.go. All integers are little-endian.
 */

/** A bucket holds values and buckets by key. */
export type Bucket = Map<string, Buffer | Bucket>;

const PAGE_SIZE = 4096;
const PAGE_HEADER_SIZE = 16;
const ELEMENT_SIZE = 16;
const PAGE_LEAF = 0x02;
const PAGE_META = 0x04;
const PAGE_FREELIST = 0x10;
const ELEMENT_IS_BUCKET = 0x01;
const META_MAGIC = 0xed0cdaed;
const META_VERSION = 2;
const META_SIZE_BEFORE_CHECKSUM = 56;
/** The number of elements of a page is a 16-bit number. */
const MAX_ELEMENTS = 0xffff;

/** The whole file, with `root` as its top level. */
export function writeBoltFile(root: Bucket): Buffer {
  const pages = new PageWriter();
  const rootPage = writeBucket(root, pages);
  pages.put(2, PAGE_FREELIST, 0, Buffer.alloc(0));
  const pageCount = pages.count;
  // Two copies, so that a crash while writing leaves one; the one with the higher number counts.
  for (const transaction of [0, 1]) {
    pages.put(transaction, PAGE_META, 0, meta(rootPage, pageCount, transaction));
  }
  return pages.toBuffer();
}

/** One leaf page (with as many overflow pages as needed) per bucket: no branch pages. */
function writeBucket(bucket: Bucket, pages: PageWriter): number {
  const entries = [...bucket]
    .map(([key, value]) => ({ key: Buffer.from(key), value }))
    .sort((left, right) => Buffer.compare(left.key, right.key));
  if (entries.length > MAX_ELEMENTS) throw new Error("Too many entries for one bucket");

  const elements = Buffer.alloc(entries.length * ELEMENT_SIZE);
  const data: Buffer[] = [];
  let dataOffset = elements.length;
  for (const [index, { key, value }] of entries.entries()) {
    const isBucket = value instanceof Map;
    const content = isBucket ? bucketValue(writeBucket(value, pages)) : value;
    const elementOffset = index * ELEMENT_SIZE;
    elements.writeUInt32LE(isBucket ? ELEMENT_IS_BUCKET : 0, elementOffset);
    elements.writeUInt32LE(dataOffset - elementOffset, elementOffset + 4);
    elements.writeUInt32LE(key.length, elementOffset + 8);
    elements.writeUInt32LE(content.length, elementOffset + 12);
    data.push(key, content);
    dataOffset += key.length + content.length;
  }
  return pages.append(PAGE_LEAF, entries.length, Buffer.concat([elements, ...data]));
}

/** Root page and sequence number. */
function bucketValue(page: number): Buffer {
  const value = Buffer.alloc(16);
  value.writeBigUInt64LE(BigInt(page), 0);
  return value;
}

function meta(rootPage: number, pageCount: number, transaction: number): Buffer {
  const content = Buffer.alloc(META_SIZE_BEFORE_CHECKSUM + 8);
  content.writeUInt32LE(META_MAGIC, 0);
  content.writeUInt32LE(META_VERSION, 4);
  content.writeUInt32LE(PAGE_SIZE, 8);
  bucketValue(rootPage).copy(content, 16);
  content.writeBigUInt64LE(2n, 32); // The page of the free list.
  content.writeBigUInt64LE(BigInt(pageCount), 40);
  content.writeBigUInt64LE(BigInt(transaction), 48);
  const checksum = fnv1a(content.subarray(0, META_SIZE_BEFORE_CHECKSUM));
  content.writeBigUInt64LE(checksum, META_SIZE_BEFORE_CHECKSUM);
  return content;
}

/** FNV-1a, 64 bits: http://www.isthe.com/chongo/tech/comp/fnv/ */
function fnv1a(content: Buffer): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of content) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}

/** Pages 0 to 2 are reserved for the two metas and the free list. */
class PageWriter {
  readonly #pages = new Map<number, Buffer>();
  count = 3;

  /** Returns the number of the new page. */
  append(flags: number, elementCount: number, content: Buffer): number {
    const page = this.count;
    this.count += this.put(page, flags, elementCount, content);
    return page;
  }

  /** Returns how many pages it takes. */
  put(page: number, flags: number, elementCount: number, content: Buffer): number {
    const length = Math.ceil((PAGE_HEADER_SIZE + content.length) / PAGE_SIZE);
    const buffer = Buffer.alloc(length * PAGE_SIZE);
    buffer.writeBigUInt64LE(BigInt(page), 0);
    buffer.writeUInt16LE(flags, 8);
    buffer.writeUInt16LE(elementCount, 10);
    buffer.writeUInt32LE(length - 1, 12);
    content.copy(buffer, PAGE_HEADER_SIZE);
    this.#pages.set(page, buffer);
    return length;
  }

  toBuffer(): Buffer {
    const ordered = [...this.#pages].sort(([left], [right]) => left - right);
    return Buffer.concat(ordered.map(([, buffer]) => buffer));
  }
}
