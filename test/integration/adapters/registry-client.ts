/** A registry client for tests, on a clock on which waiting takes no time. */
import assert from "node:assert/strict";
import type { RegistryCredentials } from "../../../src/adapters/oci-registry/credentials.ts";
import { createRegistry } from "../../../src/adapters/oci-registry/registry.ts";
import type { Clock, Registry } from "../../../src/ports.ts";
import type { ImageReference } from "../../../src/values/image-reference.ts";
import { parseImageReference } from "../../../src/values/image-reference.ts";
import { Secret } from "../../../src/values/secret.ts";

export const ANONYMOUS: RegistryCredentials = { lookup: async () => null };

/** A clock on which sleeping takes no time, and what was slept. */
export function quickClock(): Clock & { sleptMs: number[] } {
  let aheadMs = 0;
  const sleptMs: number[] = [];
  return {
    sleptMs,
    now: () => Date.now() + aheadMs,
    monotonicMs: () => performance.now() + aheadMs,
    async sleep(durationMs) {
      aheadMs += durationMs;
      sleptMs.push(durationMs);
    },
  };
}

export function registryOf(
  options: { credentials?: RegistryCredentials; clock?: Clock; timeoutMs?: number } = {},
): Registry {
  return createRegistry({
    credentials: options.credentials ?? ANONYMOUS,
    insecureRegistries: [],
    clock: options.clock ?? quickClock(),
    timeoutMs: options.timeoutMs ?? 10_000,
  });
}

export function login(username: string, password: string): RegistryCredentials {
  return {
    lookup: async () => ({ kind: "password", username, password: new Secret(password) }),
  };
}

export function reference(text: string): ImageReference {
  const parsed = parseImageReference(text);
  assert.ok(parsed, text);
  return parsed;
}
