import type { Digest } from "./digest.ts";
import { isDigest } from "./digest.ts";

/**
 * A parsed image reference. Grammar and defaults are those of the Docker CLI (distribution
 * reference): no registry means Docker Hub, no tag and no digest means `latest`.
 */
export interface ImageReference {
  /** As written in the container's configuration. */
  readonly text: string;
  /** `docker.io`, `ghcr.io`, `127.0.0.1:5000`. */
  readonly registry: string;
  /** `library/nginx`, `immich-app/immich-server`; always lower case. */
  readonly repository: string;
  readonly tag: string | null;
  readonly digest: Digest | null;
}

const DOMAIN = /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?$/;
const PATH =
  /^[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const MAX_LENGTH = 512;

/** Parses a reference as the Docker CLI does; null when it is not a valid one (an image id, say). */
export function parseImageReference(text: string): ImageReference | null {
  if (text.length === 0 || text.length > MAX_LENGTH || /^sha256:/.test(text)) return null;
  const at = text.indexOf("@");
  const digestText = at < 0 ? null : text.slice(at + 1);
  if (digestText !== null && !isDigest(digestText)) return null;
  const named = at < 0 ? text : text.slice(0, at);
  const colon = named.lastIndexOf(":");
  const hasTag = colon > named.lastIndexOf("/");
  const tagText = hasTag ? named.slice(colon + 1) : null;
  if (tagText !== null && !TAG.test(tagText)) return null;
  const location = locate(hasTag ? named.slice(0, colon) : named);
  if (location === null) return null;
  const tag = tagText ?? (digestText === null ? "latest" : null);
  return { text, ...location, tag, digest: digestText };
}

function locate(name: string): { registry: string; repository: string } | null {
  const slash = name.indexOf("/");
  const first = slash < 0 ? "" : name.slice(0, slash);
  const isDomain = first.includes(".") || first.includes(":") || first === "localhost";
  const registry = isDomain ? normalRegistry(first) : "docker.io";
  const path = isDomain ? name.slice(slash + 1) : name;
  if (!PATH.test(path) || (isDomain && !DOMAIN.test(first))) return null;
  const repository = registry === "docker.io" && !path.includes("/") ? `library/${path}` : path;
  return { registry, repository };
}

function normalRegistry(domain: string): string {
  return domain === "index.docker.io" ? "docker.io" : domain;
}

/** `ghcr.io/owner/app`; Docker Hub in the engine's short form: `nginx`, `owner/app`. */
export function familiarName(reference: ImageReference): string {
  if (reference.registry !== "docker.io") return `${reference.registry}/${reference.repository}`;
  return reference.repository.replace(/^library\//, "");
}

/** Key of the group of containers that share one tag: registry, repository and tag. */
export function referenceKey(reference: ImageReference): string {
  return `${reference.registry}/${reference.repository}:${reference.tag ?? ""}`;
}

/** `repo@sha256:…`, the form that is pulled and scanned. */
export function byDigest(reference: ImageReference, digest: Digest): string {
  return `${familiarName(reference)}@${digest}`;
}
