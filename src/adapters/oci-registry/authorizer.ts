import { OperatorError } from "../../errors.ts";
import type { Clock, RegistryFailure } from "../../ports.ts";
import type { Challenge } from "./challenge.ts";
import type { RegistryCredentials } from "./credentials.ts";
import type { PatientSender } from "./patient-sender.ts";
import type { RegistryLogin } from "./registry-login.ts";
import type { BearerChallenge, Token } from "./token-service.ts";
import { basicHeader, fetchToken } from "./token-service.ts";

/** Value of an `Authorization` header, and whether it was made for this very request. */
export interface Authorization {
  kind: "authorization";
  header: string;
  isFresh: boolean;
}

/** Answers one registry's challenges. */
export interface Authorizer {
  /**
   * Keeps what the registry asked for when this repository was read. Whether another token than
   * before is wanted for it.
   */
  learn(challenge: Challenge, repository: string): boolean;
  /**
   * What to send for this repository; null while the registry has not asked for anything, or
   * where it asks for a login and there is none: other repositories may be open to all.
   * Requests for one scope share one token, also while it is on its way.
   */
  authorize(repository: string): Promise<Authorization | RegistryFailure | null>;
  /** Throws away a token that the registry no longer accepts. */
  reject(authorization: Authorization): void;
}

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

  async function newToken(
    challenge: BearerChallenge,
    scope: string,
  ): Promise<Token | RegistryFailure> {
    const found = await findLogin();
    if (found?.kind === "failed") return found.failure;
    const login = found?.login ?? null;
    return await fetchToken(
      { registry, challenge, scope, login, isPlainHttp: deps.isPlainHttp() },
      { sender, monotonicMs: () => clock.monotonicMs() },
    );
  }

  async function findLogin(): Promise<
    { kind: "found"; login: RegistryLogin } | { kind: "failed"; failure: RegistryFailure } | null
  > {
    try {
      const login = await credentials.lookup(registry);
      return login === null ? null : { kind: "found", login };
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      const failure = { kind: "unexpected", registry, why: error.message } as const;
      return { kind: "failed", failure };
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
      const formerScope = scopeOf(repository);
      known = challenge;
      if (challenge.scheme !== "bearer" || challenge.scope === null) return false;
      // Amazon's public registry has one scope ("aws") for all; others follow rules of their own.
      if (!challenge.scope.startsWith("repository:")) sharedScope = challenge.scope;
      else if (challenge.scope === standardScope(repository)) oddScopes.delete(repository);
      else oddScopes.set(repository, challenge.scope);
      return scopeOf(repository) !== formerScope;
    },

    async authorize(repository) {
      if (known === null) return null;
      if (known.scheme === "basic") return basic();
      const scope = scopeOf(repository);
      const kept = tokens.get(scope);
      if (kept !== undefined && clock.monotonicMs() < kept.expiresAtMs) {
        return { kind: "authorization", header: kept.header, isFresh: false };
      }
      const fetching = pending.get(scope) ?? newToken(known, scope);
      pending.set(scope, fetching);
      try {
        const token = await fetching;
        if (token.kind !== "token") return token;
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

function standardScope(repository: string): string {
  return `repository:${repository}:pull`;
}
