/** X.509 certificates for TLS tests, made without any program: just enough DER (RFC 5280). */
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";

export interface Certificate {
  /** PEM */
  cert: string;
  /** PEM */
  key: string;
}

interface Issuer {
  name: Buffer;
  privateKey: KeyObject;
}

const DAY_MS = 86_400_000;
const ECDSA_WITH_SHA256 = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const COMMON_NAME = [0x55, 0x04, 0x03];
const SUBJECT_ALTERNATIVE_NAME = [0x55, 0x1d, 0x11];
const BASIC_CONSTRAINTS = [0x55, 0x1d, 0x13];

/** An authority, and a way to have certificates for addresses (or for nobody) signed by it. */
export function createAuthority(): { ca: string; issue(address: string | null): Certificate } {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const issuer = { name: nameOf("lab authority"), privateKey };
  const isAuthority = extension(BASIC_CONSTRAINTS, sequence(tagged(0x01, Buffer.from([0xff]))));
  const ca = certificate(issuer, issuer.name, publicKey, [isAuthority]);
  return {
    ca,
    issue(address) {
      const own = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const extensions = address === null ? [] : [alternativeName(address)];
      return {
        cert: certificate(issuer, nameOf(address ?? "client"), own.publicKey, extensions),
        key: own.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
      };
    },
  };
}

let serial = 0;

function certificate(
  issuer: Issuer,
  subject: Buffer,
  publicKey: KeyObject,
  extensions: readonly Buffer[],
): string {
  serial += 1;
  const algorithm = sequence(objectId(ECDSA_WITH_SHA256));
  const content = sequence(
    tagged(0xa0, tagged(0x02, Buffer.from([2]))),
    tagged(0x02, Buffer.from([serial])),
    algorithm,
    issuer.name,
    sequence(time(Date.now() - DAY_MS), time(Date.now() + DAY_MS)),
    subject,
    publicKey.export({ type: "spki", format: "der" }),
    ...(extensions.length === 0 ? [] : [tagged(0xa3, sequence(...extensions))]),
  );
  const signature = sign("sha256", content, issuer.privateKey);
  const bits = tagged(0x03, Buffer.concat([Buffer.from([0]), signature]));
  const base64 = sequence(content, algorithm, bits).toString("base64");
  const lines = base64.match(/.{1,64}/g) ?? [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}

function nameOf(commonName: string): Buffer {
  const attribute = sequence(objectId(COMMON_NAME), tagged(0x0c, Buffer.from(commonName)));
  return sequence(tagged(0x31, attribute));
}

/** For an IPv4 address. */
function alternativeName(address: string): Buffer {
  const bytes = Buffer.from(address.split(".").map(Number));
  return extension(SUBJECT_ALTERNATIVE_NAME, sequence(tagged(0x87, bytes)));
}

function extension(id: readonly number[], value: Buffer): Buffer {
  return sequence(objectId(id), tagged(0x04, value));
}

function time(timeMs: number): Buffer {
  const text = new Date(timeMs).toISOString().replace(/^20|[-:T]|\.\d+/g, "");
  return tagged(0x17, Buffer.from(text));
}

function objectId(bytes: readonly number[]): Buffer {
  return tagged(0x06, Buffer.from(bytes));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts));
}

function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}
