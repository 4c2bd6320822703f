import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** Where engines look for the authorities of single registries (Docker docs, "certificates"). */
const ENGINE_CERTIFICATES = "/etc/docker/certs.d";

const NOT_TRUSTED = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

/** Whether a connection failed because nobody that Node trusts vouches for the certificate. */
export function isTrustFailure(error: Error): boolean {
  return "code" in error && NOT_TRUSTED.has(String(error.code));
}

/**
 * Certificates that the engine would trust for this registry host besides Node's built-in list:
 * the system's and those in the engine's `certs.d/<host>/*.crt`. Reading them takes 100 ms, so it
 * is done for registries that the built-in list does not cover only.
 */
export async function trustedAuthorities(
  host: string,
  folder: string = ENGINE_CERTIFICATES,
): Promise<string[]> {
  const { getCACertificates } = await import("node:tls");
  const own = await ownAuthorities(join(folder, host));
  return [...new Set([...getCACertificates("default"), ...getCACertificates("system"), ...own])];
}

async function ownAuthorities(folder: string): Promise<string[]> {
  try {
    const names = (await readdir(folder)).filter((name) => name.endsWith(".crt"));
    return await Promise.all(names.map((name) => readFile(join(folder, name), "utf8")));
  } catch {
    return []; // No such folder, the usual case, or not ours to read.
  }
}
