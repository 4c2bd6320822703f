import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { REGISTRY_CREDENTIALS } from "../../errors.ts";
import type { Clock } from "../../ports.ts";
import { Secret } from "../../values/secret.ts";
import { runProgram } from "../system/run-program.ts";
import type { DockerConfigFile } from "./docker-config-file.ts";
import { helperFor, loginFor, parseDockerConfig, serverAddress } from "./docker-config-file.ts";
import type { RegistryLogin } from "./registry-login.ts";

export interface RegistryCredentials {
  /**
   * The login that the Docker configuration has for this registry (`docker.io`, `ghcr.io`,
   * `127.0.0.1:5000`); null where it has none. Throws REGISTRY_CREDENTIALS when the file or a
   * credential helper cannot be used. What a helper said is kept for five minutes.
   */
  lookup(registry: string): Promise<RegistryLogin | null>;
}

const HELPER_TIMEOUT_MS = 20_000;
const HELPER_OUTPUT_BYTES = 64 * 1024;
const HELPER_ANSWER_LIVES_MS = 5 * 60_000;
/** What docker-credential-helpers print, with exit code 1, for a registry they do not know. */
const NOT_FOUND = /credentials not found in native keychain/i;
/** User name that marks an identity token (docker/docker-credential-helpers). */
const TOKEN_USER = "<token>";

/**
 * Reads `auths`, `credHelpers` and `credsStore` of `<folder>/config.json`, in the Docker CLI's
 * order: the registry's own helper, then the store, then the file's entry.
 */
export function createCredentials(options: {
  /** Default `$DOCKER_CONFIG`, else `~/.docker`. */
  folder?: string | undefined;
  /** For helpers (they need HOME, PATH, AWS_…); default the process's own. */
  environment?: NodeJS.ProcessEnv | undefined;
  clock: Clock;
}): RegistryCredentials {
  const environment = definedOnly(options.environment ?? process.env);
  const folder = options.folder ?? dockerConfigFolder(environment);
  const path = join(folder, "config.json");
  const answers = new Map<string, { untilMs: number; login: Promise<RegistryLogin | null> }>();

  async function askOnce(helper: string, registry: string): Promise<RegistryLogin | null> {
    const known = answers.get(registry);
    if (known !== undefined && options.clock.monotonicMs() < known.untilMs) return known.login;
    const login = askHelper(helper, registry, environment);
    const untilMs = options.clock.monotonicMs() + HELPER_ANSWER_LIVES_MS;
    answers.set(registry, { untilMs, login });
    // A failure is not kept: the operator may repair the helper meanwhile.
    login.catch(() => answers.delete(registry));
    return login;
  }

  return {
    async lookup(registry) {
      const config = await readConfig(path, registry);
      if (config === null) return null;
      const helper = helperFor(config, registry);
      const login = helper === null ? null : await askOnce(helper, registry);
      return login ?? loginFor(config, registry);
    },
  };
}

/** `$DOCKER_CONFIG`, else `~/.docker`. */
export function dockerConfigFolder(environment: NodeJS.ProcessEnv): string {
  return environment.DOCKER_CONFIG || join(environment.HOME || homedir(), ".docker");
}

async function readConfig(path: string, registry: string): Promise<DockerConfigFile | null> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw REGISTRY_CREDENTIALS.because(error, registry, path, code);
  }
  const config = parseDockerConfig(text);
  // The parser's own message quotes the file, which holds passwords: it is left out.
  if (config === null) throw REGISTRY_CREDENTIALS(registry, path, "it is not a Docker config file");
  return config;
}

async function askHelper(
  helper: string,
  registry: string,
  environment: Readonly<Record<string, string>>,
): Promise<RegistryLogin | null> {
  const program = `docker-credential-${helper}`;
  const fail = (why: string) => REGISTRY_CREDENTIALS(registry, program, why);
  if (!/^[\w.-]+$/.test(helper)) throw fail("the helper's name is not a plain program name");
  const result = await runProgram(program, ["get"], {
    environment,
    input: `${serverAddress(registry)}\n`,
    timeoutMs: HELPER_TIMEOUT_MS,
    maxOutputBytes: HELPER_OUTPUT_BYTES,
  });
  if (result.kind === "not-started") throw fail("this program cannot be started; is it on PATH?");
  if (result.kind === "timeout") throw fail(`no answer within ${HELPER_TIMEOUT_MS / 1000} s`);
  if (result.kind !== "exited") throw fail("it was ended by a signal");
  if (result.exitCode !== 0) {
    if (NOT_FOUND.test(result.stdout)) return null;
    // What it printed is not shown: nobody knows whether a secret is in it.
    throw fail(`it ended with exit code ${result.exitCode}`);
  }
  const login = readHelperAnswer(result.stdout);
  if (login === undefined) throw fail("its answer is not what the helper protocol says");
  return login;
}

function readHelperAnswer(stdout: string): RegistryLogin | null | undefined {
  let answer: unknown;
  try {
    answer = JSON.parse(stdout);
  } catch {
    return undefined;
  }
  if (typeof answer !== "object" || answer === null) return undefined;
  const { Username: username, Secret: secret } = answer as Record<string, unknown>;
  if (typeof username !== "string" || typeof secret !== "string") return undefined;
  if (secret === "") return null;
  if (username === TOKEN_USER) return { kind: "identity-token", token: new Secret(secret) };
  return { kind: "password", username, password: new Secret(secret) };
}

function definedOnly(environment: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    ),
  );
}
