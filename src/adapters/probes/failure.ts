import type { ProbeFailure, ProbeFailureReason } from "../../ports.ts";

const REASON_OF_CODE: Readonly<Record<string, ProbeFailureReason>> = {
  ECONNREFUSED: "refused",
  ETIMEDOUT: "timeout",
  ECONNRESET: "closed",
  EPIPE: "closed",
  EHOSTUNREACH: "unreachable",
  ENETUNREACH: "unreachable",
  EADDRNOTAVAIL: "unreachable",
  EACCES: "unreachable",
  EPERM: "unreachable",
  ENOTFOUND: "name",
  EAI_AGAIN: "name",
  EAI_FAIL: "name",
};

const WHY: Readonly<Record<ProbeFailureReason, string>> = {
  refused: "connection refused",
  timeout: "no answer",
  closed: "the connection was closed",
  tls: "the TLS certificate or handshake failed",
  garbled: "the answer is not of this protocol",
  unreachable: "no route to it from here",
  name: "its name does not resolve here",
};

/** A failure with the time it took; `detail` must hold no secret. */
export function failed(
  reason: ProbeFailureReason,
  durationMs: number,
  detail: string | null = null,
): ProbeFailure {
  const why = detail === null ? WHY[reason] : `${WHY[reason]} (${detail})`;
  return { kind: "failed", reason, why, durationMs };
}

/** Maps a socket's or parser's error by its code, never by its text. */
export function failureOf(error: unknown, durationMs: number): ProbeFailure {
  const code = codeOf(error);
  return failed(reasonOf(code), durationMs, code);
}

function reasonOf(code: string | null): ProbeFailureReason {
  if (code === null) return "closed";
  const known = REASON_OF_CODE[code];
  if (known !== undefined) return known;
  if (code.startsWith("HPE_")) return "garbled";
  return /CERT|TLS|SSL|SELF_SIGNED|ISSUER|EPROTO/.test(code) ? "tls" : "closed";
}

function codeOf(error: unknown): string | null {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  if (typeof error !== "object" || error === null || !("code" in error)) return null;
  return typeof error.code === "string" ? error.code : null;
}
