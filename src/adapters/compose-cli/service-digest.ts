import { createHash } from "node:crypto";

/**
 * Digest of one service in the output of `config --format json`, variables filled in; null when it
 * is not there. Compose's own hash did not see edits of an `env_file` before August 2026
 * (facts/docker-recreate section 9), and `up` applies them all the same.
 */
export function serviceDigest(model: string, service: string): string | null {
  let found: unknown;
  try {
    const parsed = JSON.parse(model) as { services?: Record<string, unknown> } | null;
    const services = parsed?.services ?? {};
    found = Object.hasOwn(services, service) ? services[service] : null;
  } catch {
    return null;
  }
  if (found === undefined || found === null) return null;
  return createHash("sha256").update(JSON.stringify(found)).digest("hex");
}
