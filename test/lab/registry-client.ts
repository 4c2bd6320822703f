/** The few requests that put images into a registry and move tags there. */
import { createHash } from "node:crypto";

export interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
}

export interface RegistryClient {
  /** Sends it once: another repository gets it from the first one. */
  pushBlob(repository: string, content: Buffer, digest: string): Promise<void>;
  /** Returns the digest. `reference` is a tag or digest. */
  pushManifest(
    repository: string,
    reference: string,
    content: Buffer,
    mediaType: string,
  ): Promise<string>;
  moveTag(from: string, to: string): Promise<void>;
  digestOf(reference: string): Promise<string | undefined>;
  deleteManifest(reference: string): Promise<void>;
}

const MANIFEST_TYPES = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
].join(", ");

export function sha256(content: Buffer | string): string {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}

/** `web:1`, `127.0.0.1:5001/web:1` or `web@sha256:…` in their parts; the tag defaults to latest. */
export function splitReference(reference: string): { repository: string; version: string } {
  const path = reference.replace(/^[^/]*[:.][^/]*\//, "");
  const parts = /^([^:@]+)(?::([^:@]+))?(?:@(sha256:[0-9a-f]{64}))?$/.exec(path);
  if (parts?.[1] === undefined) throw new Error(`Not an image reference: ${reference}`);
  return { repository: parts[1], version: parts[3] ?? parts[2] ?? "latest" };
}

/** A client without authentication. Every request is bounded to 30 s. */
export function createRegistryClient(url: string): RegistryClient {
  async function ask(method: string, path: string, init: RequestInit = {}): Promise<Response> {
    const target = new URL(path, url);
    return await fetch(target, { ...init, method, signal: AbortSignal.timeout(30_000) });
  }

  async function expectStatus(answer: Response, status: number, what: string): Promise<void> {
    if (answer.status === status) return;
    throw new Error(`${what}: the registry answers ${answer.status}: ${await answer.text()}`);
  }

  /** By digest: a repository that has the blob. */
  const holders = new Map<string, string>();

  async function pushBlob(repository: string, content: Buffer, digest: string): Promise<void> {
    const known = await ask("HEAD", `/v2/${repository}/blobs/${digest}`);
    if (known.status === 200) return;
    const holder = holders.get(digest);
    const mount = holder === undefined ? "" : `?mount=${digest}&from=${holder}`;
    const begun = await ask("POST", `/v2/${repository}/blobs/uploads/${mount}`);
    if (begun.status === 201) return;
    // Where it cannot be mounted any more, the registry expects it.
    await expectStatus(begun, 202, `Upload to ${repository}`);
    const target = new URL(begun.headers.get("location") ?? "", url);
    target.searchParams.set("digest", digest);
    const done = await ask("PUT", target.href, { body: new Uint8Array(content) });
    await expectStatus(done, 201, `Upload to ${repository}`);
    holders.set(digest, repository);
  }

  async function pushManifest(
    repository: string,
    reference: string,
    content: Buffer,
    mediaType: string,
  ): Promise<string> {
    const answer = await ask("PUT", `/v2/${repository}/manifests/${reference}`, {
      body: new Uint8Array(content),
      headers: { "content-type": mediaType },
    });
    await expectStatus(answer, 201, `Manifest of ${repository}`);
    return sha256(content);
  }

  async function moveTag(from: string, to: string): Promise<void> {
    const source = splitReference(from);
    const target = splitReference(to);
    if (source.repository !== target.repository) {
      throw new Error(`A tag moves within its repository: ${from}, ${to}`);
    }
    const answer = await ask("GET", `/v2/${source.repository}/manifests/${source.version}`, {
      headers: { accept: MANIFEST_TYPES },
    });
    await expectStatus(answer, 200, `Manifest of ${from}`);
    const mediaType = answer.headers.get("content-type") ?? "";
    const content = Buffer.from(await answer.arrayBuffer());
    await pushManifest(target.repository, target.version, content, mediaType);
  }

  async function digestOf(reference: string): Promise<string | undefined> {
    const { repository, version } = splitReference(reference);
    const answer = await ask("HEAD", `/v2/${repository}/manifests/${version}`, {
      headers: { accept: MANIFEST_TYPES },
    });
    if (answer.status === 404) return undefined;
    await expectStatus(answer, 200, `Digest of ${reference}`);
    return answer.headers.get("docker-content-digest") ?? undefined;
  }

  async function deleteManifest(reference: string): Promise<void> {
    const { repository } = splitReference(reference);
    const digest = await digestOf(reference);
    if (digest === undefined) throw new Error(`The registry has no ${reference}`);
    const answer = await ask("DELETE", `/v2/${repository}/manifests/${digest}`);
    await expectStatus(answer, 202, `Deletion of ${reference}`);
  }

  return { pushBlob, pushManifest, moveTag, digestOf, deleteManifest };
}
