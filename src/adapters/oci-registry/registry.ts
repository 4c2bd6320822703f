import { createHash } from "node:crypto";
import { OperatorError } from "../../errors.ts";
import type { Clock, ManifestSize, Registry, RegistryFailure } from "../../ports.ts";
import type { Digest } from "../../values/digest.ts";
import { parseDigest } from "../../values/digest.ts";
import type { ImageReference } from "../../values/image-reference.ts";
import type { RegistryCredentials } from "./credentials.ts";
import type { HttpAnswer } from "./http-client.ts";
import { createHttpClient } from "./http-client.ts";
import type { ImageManifest } from "./manifest.ts";
import { MANIFEST_TYPES, MAX_MANIFEST_BYTES, parseManifest } from "./manifest.ts";
import { choosePlatform } from "./platform.ts";
import type { RegistryHost } from "./registry-host.ts";
import { createRegistryHost } from "./registry-host.ts";

export interface RegistryOptions {
  credentials: RegistryCredentials;
  /** `EngineInfo.insecureRegistries`; asked once, when the first registry not on loopback is. */
  insecureRegistries: readonly string[] | (() => Promise<readonly string[]>);
  clock: Clock;
  /** For one request with its answer. An operation has at most 3 tries and 60 s of waiting. */
  timeoutMs: number;
}

/** What an operation's request came to where it is not a manifest's bytes. */
type Fetched = { kind: "fetched"; body: Buffer; digest: Digest } | RegistryFailure;

/**
 * The registries' side of discovery. Failures are results; the methods reject only when the
 * signal is aborted or `insecureRegistries` rejects.
 */
export function createRegistry(options: RegistryOptions): Registry {
  const http = createHttpClient({ timeoutMs: options.timeoutMs });
  const hosts = new Map<string, RegistryHost>();
  const given = options.insecureRegistries;
  const insecureRegistries = typeof given === "function" ? given : async () => given;

  function hostOf(registry: string): RegistryHost {
    const known = hosts.get(registry);
    if (known !== undefined) return known;
    const host = createRegistryHost({ ...options, registry, insecureRegistries, http });
    hosts.set(registry, host);
    return host;
  }

  async function ask(
    method: "GET" | "HEAD",
    reference: ImageReference,
    version: string,
    signal: AbortSignal | undefined,
  ): Promise<HttpAnswer | RegistryFailure> {
    const { registry, repository } = reference;
    const answer = await hostOf(registry).ask({
      method,
      repository,
      path: `manifests/${version}`,
      accept: MANIFEST_TYPES.join(", "),
      maxBodyBytes: MAX_MANIFEST_BYTES,
      signal,
    });
    if (answer.kind !== "answer" || answer.status === 200) return answer;
    if (answer.status === 404) return { kind: "not-found", registry };
    if (answer.status === 403) return { kind: "unauthorised", registry, status: 403 };
    if (method === "HEAD" && (answer.status === 405 || answer.status === 501)) return answer;
    return { kind: "unexpected", registry, why: `it answered ${answer.status}` };
  }

  async function fetchManifest(
    reference: ImageReference,
    version: string,
    signal: AbortSignal | undefined,
  ): Promise<Fetched> {
    const answer = await ask("GET", reference, version, signal);
    if (answer.kind !== "answer") return answer;
    const digest: Digest = `sha256:${createHash("sha256").update(answer.body).digest("hex")}`;
    return { kind: "fetched", body: answer.body, digest };
  }

  /** The manifest that really has this digest. */
  async function fetchByDigest(
    reference: ImageReference,
    digest: Digest,
    signal: AbortSignal | undefined,
  ): Promise<Fetched> {
    const fetched = await fetchManifest(reference, digest, signal);
    if (fetched.kind !== "fetched" || fetched.digest === digest) return fetched;
    const why = `its manifest for ${digest} has the digest ${fetched.digest}`;
    return { kind: "unexpected", registry: reference.registry, why };
  }

  return {
    async loginProblem(registry) {
      try {
        await options.credentials.lookup(registry);
        return null;
      } catch (error) {
        if (error instanceof OperatorError) return error.message;
        throw error;
      }
    },

    async resolve(reference, signal) {
      const { registry } = reference;
      const version = reference.tag ?? reference.digest ?? "latest";
      const answer = await ask("HEAD", reference, version, signal);
      if (answer.kind !== "answer") return answer;
      if (isSchemaOne(answer)) {
        const why = "it has only a schema 1 manifest, which engines no longer pull";
        return { kind: "unexpected", registry, why };
      }
      const named = answer.headers["docker-content-digest"];
      if (answer.status === 200 && named !== undefined) {
        const digest = parseDigest(String(named));
        if (digest !== null) return { kind: "resolved", digest };
        return { kind: "unexpected", registry, why: "its digest is not a sha256 digest" };
      }
      const fetched = await fetchManifest(reference, version, signal);
      if (fetched.kind !== "fetched") return fetched;
      return { kind: "resolved", digest: fetched.digest };
    },

    async manifest(reference, digest, platform, signal) {
      const { registry } = reference;
      const unreadable = {
        kind: "unexpected",
        registry,
        why: "its manifest is unreadable",
      } as const;
      const top = await fetchByDigest(reference, digest, signal);
      if (top.kind !== "fetched") return top;
      const parsed = parseManifest(top.body);
      if (parsed === null) return unreadable;
      if (parsed.kind === "manifest") return sizeOf(parsed, digest);
      const chosen = choosePlatform(
        parsed.manifests.map((entry) => entry.platform),
        platform,
      );
      const platformDigest = parsed.manifests[chosen ?? -1]?.digest;
      if (platformDigest === undefined) return { kind: "no-platform", registry };
      const inner = await fetchByDigest(reference, platformDigest, signal);
      if (inner.kind !== "fetched") return inner;
      const manifest = parseManifest(inner.body);
      return manifest?.kind === "manifest" ? sizeOf(manifest, platformDigest) : unreadable;
    },
  };
}

function isSchemaOne(answer: HttpAnswer): boolean {
  return /\.distribution\.manifest\.v1\+/.test(String(answer.headers["content-type"]));
}

function sizeOf(manifest: ImageManifest, platformDigest: Digest): ManifestSize {
  // A layer that occurs twice is downloaded once.
  const sizes = new Map(manifest.layers.map((layer) => [layer.digest, layer.size]));
  sizes.set(manifest.config.digest, manifest.config.size);
  return {
    kind: "manifest",
    downloadBytes: [...sizes.values()].reduce((sum, size) => sum + size, 0),
    layers: manifest.layers.length,
    platformDigest,
    configDigest: manifest.config.digest,
  };
}
