/** The little of RFC 1035 and RFC 3596 that one A or AAAA question needs. */

const TYPE = { A: 1, AAAA: 28 } as const;
const CLASS_IN = 1;
const RECURSION_DESIRED = 0x0100;
const RESPONSE = 0x8000;
const HEADER_BYTES = 12;
const CODES = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"];

/** A query packet, or null where the name is no DNS name. */
export function encodeQuestion(id: number, name: string, type: "A" | "AAAA"): Buffer | null {
  const labels = name.replace(/\.$/, "").split(".");
  const isBad = (label: string) => label.length === 0 || Buffer.byteLength(label) > 63;
  if (labels.some(isBad) || Buffer.byteLength(name) > 253) return null;
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(RECURSION_DESIRED, 2);
  header.writeUInt16BE(1, 4);
  const parts = labels.map((label) => {
    const bytes = Buffer.from(label);
    return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  });
  const end = Buffer.alloc(5);
  end.writeUInt16BE(TYPE[type], 1);
  end.writeUInt16BE(CLASS_IN, 3);
  return Buffer.concat([header, ...parts, end]);
}

/** The answer to question `id`; null where the packet is another's or damaged. */
export function decodeAnswer(
  packet: Buffer,
  id: number,
): { code: string; addresses: string[] } | null {
  if (packet.length < HEADER_BYTES || packet.readUInt16BE(0) !== id) return null;
  const flags = packet.readUInt16BE(2);
  if ((flags & RESPONSE) === 0) return null;
  const rcode = flags & 0x000f;
  const code = CODES[rcode] ?? `RCODE${rcode}`;
  try {
    return { code, addresses: readAddresses(packet) };
  } catch (error) {
    // A read past the end: the packet is cut.
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function readAddresses(packet: Buffer): string[] {
  let offset = HEADER_BYTES;
  for (let left = packet.readUInt16BE(4); left > 0; left -= 1)
    offset = skipName(packet, offset) + 4;
  const addresses: string[] = [];
  for (let left = packet.readUInt16BE(6); left > 0; left -= 1) {
    const start = skipName(packet, offset);
    const type = packet.readUInt16BE(start);
    const lengthBytes = packet.readUInt16BE(start + 8);
    const data = packet.subarray(start + 10, start + 10 + lengthBytes);
    if (data.length < lengthBytes) throw new RangeError("record is cut");
    if (type === TYPE.A && lengthBytes === 4) addresses.push([...data].join("."));
    if (type === TYPE.AAAA && lengthBytes === 16) addresses.push(ipv6Text(data));
    offset = start + 10 + lengthBytes;
  }
  return addresses;
}

/** Offset after a name; a pointer (two high bits) ends it. */
function skipName(packet: Buffer, start: number): number {
  let offset = start;
  for (;;) {
    const length = packet.readUInt8(offset);
    if (length === 0) return offset + 1;
    if (length >= 0xc0) return offset + 2;
    offset += length + 1;
  }
}

function ipv6Text(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, index) =>
    bytes.readUInt16BE(index * 2).toString(16),
  );
  // URL knows the canonical short form.
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
}
