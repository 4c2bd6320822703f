import type { Secret } from "../../values/secret.ts";

/** What one registry is shown; never sent to another one. */
export type RegistryLogin =
  | { kind: "password"; username: string; password: Secret }
  /** An OAuth refresh token, exchanged for access tokens at the registry's token service. */
  | { kind: "identity-token"; token: Secret };

/** The fields of the engine's `X-Registry-Auth` for this login, in clear: only for that header. */
export function engineLogin(
  login: RegistryLogin,
): { username: string; password: string } | { identitytoken: string } {
  if (login.kind === "identity-token") return { identitytoken: login.token.reveal() };
  return { username: login.username, password: login.password.reveal() };
}
