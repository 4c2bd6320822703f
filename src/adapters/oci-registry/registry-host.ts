import type { Clock, RegistryFailure } from "../../ports.ts";
import type { Authorization } from "./authorizer.ts";
import { createAuthorizer } from "./authorizer.ts";
import { parseChallenge } from "./challenge.ts";
import type { RegistryCredentials } from "./credentials.ts";
import type { HttpAnswer, HttpClient } from "./http-client.ts";
import { isInsecureRegistry, isLoopbackRegistry } from "./insecure-registry.ts";
import type { Patience } from "./patient-sender.ts";
import { createPatientSender, newPatience } from "./patient-sender.ts";

export interface RegistryRequest {
  method: "GET" | "HEAD";
  repository: string;
  /** Below `/v2/<repository>/`. */
  path: string;
  accept: string;
  maxBodyBytes: number;
  signal?: AbortSignal | undefined;
}

/** One registry: how to reach it, what it asks for, when it wants to be left alone. */
export interface RegistryHost {
  /** Any answer but 401, or why there is none. Rejects only when the signal is aborted. */
  ask(request: RegistryRequest): Promise<HttpAnswer | RegistryFailure>;
}

type Scheme = "https" | "http";

const HUB_API = "registry-1.docker.io";
/** Without a token, with one that had lost its validity early, with one for the wrong scope. */
const MAX_CHALLENGES = 2;
/** How long the others wait for the first answer; theirs may come where that one never does. */
const SCOUT_MS = 2_000;
const MAX_PROBE_BYTES = 64 * 1024;

export function createRegistryHost(deps: {
  registry: string;
  credentials: RegistryCredentials;
  insecureRegistries: () => Promise<readonly string[]>;
  http: HttpClient;
  clock: Clock;
}): RegistryHost {
  const { registry } = deps;
  const unauthorised = { kind: "unauthorised", registry, status: 401 } as const;
  const sender = createPatientSender(deps);
  let scheme: Promise<Scheme | null> | null = null;
  let knownScheme: Scheme = "https";
  let isInsecure = false;
  let scout: Promise<void> | null = null;
  const authorizer = createAuthorizer({
    ...deps,
    sender,
    isPlainHttp: () => knownScheme === "http",
  });

  function urlOf(request: RegistryRequest, useScheme: Scheme): URL {
    const host = registry === "docker.io" ? HUB_API : registry;
    return new URL(`${useScheme}://${host}/v2/${request.repository}/${request.path}`);
  }

  /**
   * https, unless the engine lists the registry as insecure: then https without checking the
   * certificate and plain HTTP behind it, as the engine does. On loopback HTTP comes first,
   * because it is nearly always that, and nobody can eavesdrop there.
   */
  async function findScheme(): Promise<Scheme | null> {
    const isLoopback = isLoopbackRegistry(registry);
    isInsecure =
      isLoopback || (await isInsecureRegistry(registry, await deps.insecureRegistries()));
    if (!isInsecure) return "https";
    const order: readonly Scheme[] = isLoopback ? ["http", "https"] : ["https", "http"];
    for (const candidate of order) {
      const answer = await deps.http.send({
        method: "GET",
        url: new URL(`${candidate}://${registry}/v2/`),
        headers: {},
        maxBodyBytes: MAX_PROBE_BYTES,
        acceptsAnyCertificate: true,
      });
      // 400 is what a TLS server says to plain HTTP.
      if (answer.kind === "answer" && answer.status !== 400) return candidate;
    }
    return null;
  }

  /** Found once; asked again after a failure, because the registry may have been down. */
  async function settleScheme(): Promise<void> {
    scheme ??= findScheme();
    try {
      const found = await scheme;
      if (found === null) scheme = null;
      knownScheme = found ?? (isLoopbackRegistry(registry) ? "http" : "https");
    } catch (error) {
      scheme = null;
      throw error;
    }
  }

  /** `onLearnt` is called as soon as the registry has said what it asks for. */
  async function send(request: RegistryRequest, onLearnt: () => void = () => {}) {
    const patience = newPatience();
    for (let challenges = 0; ; challenges += 1) {
      const authorization = await unlessAborted(
        authorizer.authorize(request.repository),
        request.signal,
      );
      if (authorization !== null && authorization.kind !== "authorization") return authorization;
      if (authorization === null && challenges > 0) return unauthorised;
      const answer = await sendWith(authorization, request, patience);
      if (answer.kind !== "answer" || answer.status !== 401) return answer;
      const challenge = parseChallenge(answer.headers["www-authenticate"]);
      if (challenge === null || challenges === MAX_CHALLENGES) return unauthorised;
      const isNews = authorizer.learn(challenge, request.repository);
      if (authorization?.isFresh === true && !isNews) return unauthorised;
      if (authorization !== null) authorizer.reject(authorization);
      onLearnt();
    }
  }

  function sendWith(
    authorization: Authorization | null,
    request: RegistryRequest,
    patience: Patience,
  ): Promise<HttpAnswer | RegistryFailure> {
    const credentials = authorization === null ? {} : { authorization: authorization.header };
    return sender.send(
      {
        method: request.method,
        url: urlOf(request, knownScheme),
        headers: { accept: request.accept, ...credentials },
        maxBodyBytes: request.maxBodyBytes,
        signal: request.signal,
        acceptsAnyCertificate: isInsecure,
      },
      patience,
    );
  }

  return {
    async ask(request) {
      await unlessAborted(settleScheme(), request.signal);
      if (scout !== null) {
        // The first request finds out what the registry asks for, so that the others need not
        // be refused once each.
        await unlessAborted(scout, request.signal);
        return await send(request);
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      scout = promise;
      setTimeout(resolve, SCOUT_MS).unref();
      return await send(request, resolve).finally(resolve);
    },
  };
}

/** What several requests wait for together goes on when one of them is aborted. */
async function unlessAborted<T>(shared: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return shared;
  signal.throwIfAborted();
  let stop = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([shared, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
