import type { Secret } from "../../values/secret.ts";
import { fetchBounded } from "../system/fetch-bounded.ts";

/** What a Trivy says of itself; null where it says nothing usable. */
export interface VersionAnswer {
  version: string | null;
  databaseUpdatedAtMs: number | null;
}

export type ServerVersion =
  | ({ kind: "known" } & VersionAnswer)
  /** The server answers, but has no `/version` (older than 0.45). */
  | { kind: "absent" }
  | { kind: "unreachable"; why: string };

/** A Trivy server's side doors; scanning itself needs the client program. */
export interface TrivyServer {
  /** Null when `/healthz` says ok, else why not. */
  whyUnhealthy(signal?: AbortSignal): Promise<string | null>;
  version(signal?: AbortSignal): Promise<ServerVersion>;
  /** Whether an RPC with our token is let in; null when that cannot be told. */
  acceptsToken(signal?: AbortSignal): Promise<boolean | null>;
}

const TIMEOUT_MS = 10_000;
const MAX_ANSWER_BYTES = 64 * 1024;

/** Probes answer; they reject only when the caller's signal is aborted. */
export function createTrivyServer(url: string, token: Secret | null): TrivyServer {
  const base = new URL(url.endsWith("/") ? url : `${url}/`);

  const ask = (path: string, signal: AbortSignal | undefined, request: RequestInit = {}) =>
    fetchBounded(new URL(path, base), request, {
      timeoutMs: TIMEOUT_MS,
      maxBytes: MAX_ANSWER_BYTES,
      signal,
    });

  return {
    async whyUnhealthy(signal) {
      const answer = await ask("healthz", signal);
      if (answer.kind === "none") return answer.why;
      if (answer.status === 200 && answer.body.trim() === "ok") return null;
      return `${base.host} answered ${answer.status} to /healthz, which is not Trivy's "ok"`;
    },

    async version(signal) {
      const answer = await ask("version", signal);
      if (answer.kind === "none") return { kind: "unreachable", why: answer.why };
      if (answer.status === 404) return { kind: "absent" };
      if (answer.status === 200) return { kind: "known", ...readVersion(answer.body) };
      return { kind: "unreachable", why: `${base.host} answered ${answer.status} to /version` };
    },

    async acceptsToken(signal) {
      const answer = await ask("twirp/trivy.cache.v1.Cache/MissingBlobs", signal, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          ...(token === null ? {} : { "trivy-token": token.reveal() }),
        },
        body: "{}",
      });
      if (answer.kind === "none") return null;
      if (answer.status === 401) return false;
      return answer.status < 500 ? true : null;
    },
  };
}

/** Reads the JSON of `/version` and of `trivy version --format json`; they are the same. */
export function readVersion(text: string): VersionAnswer {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    return { version: null, databaseUpdatedAtMs: null };
  }
  const version = fieldOf(answer, "Version");
  return {
    version: typeof version === "string" && version.length <= 100 ? version : null,
    databaseUpdatedAtMs: readUpdatedAt(fieldOf(answer, "VulnerabilityDB")),
  };
}

/** `UpdatedAt` of a database's metadata in milliseconds; null where there is no usable one. */
function readUpdatedAt(metadata: unknown): number | null {
  const text = fieldOf(metadata, "UpdatedAt");
  // RFC 3339 with up to nine decimals, always with a zone: without one it would mean local time.
  const isDate =
    typeof text === "string" && /^\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)$/.test(text);
  const updatedAtMs = isDate ? Date.parse(text) : Number.NaN;
  // Go writes its zero time as the year 1.
  return updatedAtMs > 0 ? updatedAtMs : null;
}

function fieldOf(value: unknown, field: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, field)) return undefined;
  return (value as Record<string, unknown>)[field];
}
