import { OperatorError } from "../../errors.ts";
import type { Clock, RegistryFailure } from "../../ports.ts";
import type { Challenge } from "./challenge.ts";
import type { RegistryCredentials } from "./credentials.ts";
import type { PatientSender } from "./patient-sender.ts";
import { newPatience } from "./patient-sender.ts";
import type { RegistryLogin } from "./registry-login.ts";

/** Value of an `Authorization` header, and whether it was made for this very request. */
export interface Authorization {
  kind: "authorization";
  header: string;
  isFresh: boolean;
}

/** Answers one registry's challenges. */
export interface Authorizer {
  /** Keeps what the registry asked for when this repository was read. */
  learn(challenge: Challenge, repository: string): void;
  /**
   * What to send for this repository; null while the registry has not asked for anything, or
   * where it asks for a login and there is none: other repositories may be open to all.
   * Requests for one scope share one token, also while it is on its way.
   */
  authorize(repository: string): Promise<Authorization | RegistryFailure | null>;
  /** Throws away a token that the registry no longer accepts. */
  reject(authorization: Authorization): void;
}

interface Token {
  header: string;
  expiresAtMs: number;
}

type BearerChallenge = Extract<Challenge, { scheme: "bearer" }>;

/** What a token service that names no life time grants (distribution's token specification). */
const DEFAULT_LIFE_S = 60;
const MAX_LIFE_S = 3_600;
/** A token must still be valid when the registry reads it. */
const MARGIN_MS = 10_000;
const MAX_TOKEN_ANSWER_BYTES = 256 * 1024;
const CLIENT = "pratique";

export function createAuthorizer(deps: {
  registry: string;
  credentials: RegistryCredentials;
  sender: PatientSender;
  clock: Clock;
  /** Whether the registry itself is spoken to over plain HTTP. */
  isPlainHttp: () => boolean;
}): Authorizer {
  const { registry, credentials, sender, clock } = deps;
  const tokens = new Map<string, Token>();
  const pending = new Map<string, Promise<Token | RegistryFailure>>();
  /** Scopes that follow no rule, by repository. */
  const oddScopes = new Map<string, string>();
  let known: Challenge | null = null;
  let sharedScope: string | null = null;

  function scopeOf(repository: string): string {
    return oddScopes.get(repository) ?? sharedScope ?? standardScope(repository);
  }

  async function fetchToken(
    challenge: BearerChallenge,
    scope: string,
  ): Promise<Token | RegistryFailure> {
    const login = await findLogin();
    if (login !== null && login.kind === "failed") return login.failure;
    const realm = acceptRealm(challenge.realm, deps.isPlainHttp());
    if (realm === null) {
      return unexpected(registry, "it names a token service that is not https");
    }
    const answer = await sender.send(
      {
        ...tokenRequest(realm, challenge.service, scope, login?.login ?? null),
        maxBodyBytes: MAX_TOKEN_ANSWER_BYTES,
        acceptsAnyCertificate: false,
      },
      newPatience(),
    );
    if (answer.kind !== "answer") return answer;
    if (answer.status === 401 || answer.status === 403) {
      return { kind: "unauthorised", registry, status: answer.status };
    }
    if (answer.status !== 200) {
      return unexpected(registry, `its token service answered ${answer.status}`);
    }
    const token = readToken(answer.body, clock.monotonicMs());
    return token ?? unexpected(registry, "its token service gave no token");
  }

  async function findLogin(): Promise<
    { kind: "found"; login: RegistryLogin } | { kind: "failed"; failure: RegistryFailure } | null
  > {
    try {
      const login = await credentials.lookup(registry);
      return login === null ? null : { kind: "found", login };
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      return { kind: "failed", failure: unexpected(registry, error.message) };
    }
  }

  async function basic(): Promise<Authorization | RegistryFailure | null> {
    const found = await findLogin();
    if (found?.kind === "failed") return found.failure;
    if (found?.login.kind !== "password") return null;
    return { kind: "authorization", header: basicHeader(found.login), isFresh: true };
  }

  return {
    learn(challenge, repository) {
      known = challenge;
      if (challenge.scheme !== "bearer" || challenge.scope === null) return;
      if (challenge.scope === standardScope(repository)) return;
      // Amazon's public registry has one scope ("aws") for all; others follow rules of their own.
      if (challenge.scope.startsWith("repository:")) oddScopes.set(repository, challenge.scope);
      else sharedScope = challenge.scope;
    },

    async authorize(repository) {
      if (known === null) return null;
      if (known.scheme === "basic") return basic();
      const scope = scopeOf(repository);
      const kept = tokens.get(scope);
      if (kept !== undefined && clock.monotonicMs() < kept.expiresAtMs) {
        return { kind: "authorization", header: kept.header, isFresh: false };
      }
      const challenge = known;
      const fetching = pending.get(scope) ?? fetchToken(challenge, scope);
      pending.set(scope, fetching);
      try {
        const token = await fetching;
        if ("kind" in token) return token;
        tokens.set(scope, token);
        return { kind: "authorization", header: token.header, isFresh: true };
      } finally {
        if (pending.get(scope) === fetching) pending.delete(scope);
      }
    },

    reject(authorization) {
      for (const [scope, token] of tokens) {
        if (token.header === authorization.header) tokens.delete(scope);
      }
    },
  };
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
  return { header: `Bearer ${value}`, expiresAtMs: nowMs + lifeS * 1000 - MARGIN_MS };
}

function basicHeader(login: Extract<RegistryLogin, { kind: "password" }>): string {
  const pair = `${login.username}:${login.password.reveal()}`;
  return `Basic ${Buffer.from(pair).toString("base64")}`;
}

function standardScope(repository: string): string {
  return `repository:${repository}:pull`;
}

function unexpected(registry: string, why: string): RegistryFailure {
  return { kind: "unexpected", registry, why };
}
