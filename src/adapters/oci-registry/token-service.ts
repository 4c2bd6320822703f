import type { RegistryFailure } from "../../ports.ts";
import type { Challenge } from "./challenge.ts";
import type { PatientSender } from "./patient-sender.ts";
import { newPatience } from "./patient-sender.ts";
import type { RegistryLogin } from "./registry-login.ts";

export interface Token {
  kind: "token";
  /** Value of the `Authorization` header. */
  header: string;
  /** On the monotonic clock. */
  expiresAtMs: number;
}

export type BearerChallenge = Extract<Challenge, { scheme: "bearer" }>;

/** What a token service that names no life time grants (distribution's token specification). */
const DEFAULT_LIFE_S = 60;
const MAX_LIFE_S = 3_600;
/** A token must still be valid when the registry reads it. */
const MARGIN_MS = 10_000;
const MAX_TOKEN_ANSWER_BYTES = 256 * 1024;
const CLIENT = "pratique";

/**
 * Asks the token service that a challenge names for a token of this scope, with the login where
 * there is one. Only https is asked, unless the registry itself is plain HTTP.
 */
export async function fetchToken(
  ask: {
    registry: string;
    challenge: BearerChallenge;
    scope: string;
    login: RegistryLogin | null;
    isPlainHttp: boolean;
  },
  deps: { sender: PatientSender; monotonicMs: () => number },
): Promise<Token | RegistryFailure> {
  const { registry, challenge } = ask;
  const unexpected = (why: string) => ({ kind: "unexpected", registry, why }) as const;
  const realm = acceptRealm(challenge.realm, ask.isPlainHttp);
  if (realm === null) return unexpected("it names a token service that is not https");
  const answer = await deps.sender.send(
    {
      ...tokenRequest(realm, challenge.service, ask.scope, ask.login),
      maxBodyBytes: MAX_TOKEN_ANSWER_BYTES,
      acceptsAnyCertificate: false,
    },
    newPatience(),
  );
  if (answer.kind !== "answer") return answer;
  if (answer.status === 401 || answer.status === 403) {
    return { kind: "unauthorised", registry, status: answer.status };
  }
  if (answer.status !== 200) return unexpected(`its token service answered ${answer.status}`);
  return (
    readToken(answer.body, deps.monotonicMs()) ?? unexpected("its token service gave no token")
  );
}

/** `Authorization` for a registry or token service that wants name and password. */
export function basicHeader(login: Extract<RegistryLogin, { kind: "password" }>): string {
  const pair = `${login.username}:${login.password.reveal()}`;
  return `Basic ${Buffer.from(pair).toString("base64")}`;
}

/** The token service's address; null unless it is https, or the registry itself is plain HTTP. */
function acceptRealm(realm: string, isPlainHttp: boolean): URL | null {
  if (!URL.canParse(realm)) return null;
  const url = new URL(realm);
  return url.protocol === "https:" || (url.protocol === "http:" && isPlainHttp) ? url : null;
}

function tokenRequest(
  realm: URL,
  service: string | null,
  scope: string,
  login: RegistryLogin | null,
): { method: "GET" | "POST"; url: URL; headers: Record<string, string>; body?: string } {
  if (login?.kind === "identity-token") {
    const form = new URLSearchParams({
      grant_type: "refresh_token",
      service: service ?? "",
      scope,
      client_id: CLIENT,
      refresh_token: login.token.reveal(),
    });
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    return { method: "POST", url: realm, headers, body: form.toString() };
  }
  const url = new URL(realm);
  if (service !== null) url.searchParams.set("service", service);
  url.searchParams.set("scope", scope);
  if (login === null) return { method: "GET", url, headers: {} };
  url.searchParams.set("account", login.username);
  return { method: "GET", url, headers: { authorization: basicHeader(login) } };
}

function readToken(body: Buffer, nowMs: number): Token | null {
  let answer: unknown;
  try {
    answer = JSON.parse(body.toString("utf8"));
  } catch {
    return null;
  }
  if (typeof answer !== "object" || answer === null) return null;
  const { token, access_token: accessToken, expires_in: life } = answer as Record<string, unknown>;
  const value = typeof token === "string" && token !== "" ? token : accessToken;
  // A header value must stay one line of printable characters.
  if (typeof value !== "string" || !/^[\x21-\x7e]+$/.test(value)) return null;
  const lifeS = typeof life === "number" && life > 0 ? Math.min(life, MAX_LIFE_S) : DEFAULT_LIFE_S;
  return {
    kind: "token",
    header: `Bearer ${value}`,
    expiresAtMs: nowMs + lifeS * 1000 - MARGIN_MS,
  };
}
