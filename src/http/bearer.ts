import { createHash, timingSafeEqual } from "node:crypto";
import type { Secret } from "../values/secret.ts";

/** Whether the header shows this token. Hashes are compared, so that no time tells how much fits. */
export function showsToken(authorization: string | undefined, token: Secret): boolean {
  const given = /^Bearer +([!-~]+) *$/i.exec(authorization ?? "")?.[1];
  return given !== undefined && timingSafeEqual(hashOf(given), hashOf(token.reveal()));
}

function hashOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
