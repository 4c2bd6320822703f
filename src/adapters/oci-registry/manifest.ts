import * as v from "valibot";
import type { Digest } from "../../values/digest.ts";
import { isDigest } from "../../values/digest.ts";

/** Largest manifest that is read; the OCI specification recommends that registries take 4 MiB. */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

/** Every kind of manifest that the engine can pull; one that is left out is answered wrongly. */
export const MANIFEST_TYPES = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
] as const;

const DigestSchema = v.custom<Digest>((input) => typeof input === "string" && isDigest(input));
const SizeSchema = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const ManifestSchema = v.object({
  config: v.object({ digest: DigestSchema, size: SizeSchema }),
  // Layers may use other hashes; only their sizes are of interest.
  layers: v.array(v.object({ digest: v.string(), size: SizeSchema })),
});

const IndexSchema = v.object({
  manifests: v.array(
    v.object({
      digest: DigestSchema,
      platform: v.optional(
        v.object({
          os: v.optional(v.string()),
          architecture: v.optional(v.string()),
          variant: v.optional(v.string()),
        }),
      ),
    }),
  ),
});

export type ImageManifest = { kind: "manifest" } & v.InferOutput<typeof ManifestSchema>;
export type ImageIndex = { kind: "index" } & v.InferOutput<typeof IndexSchema>;

/**
 * Reads an image manifest or an index of them from a registry's answer; null when it is neither
 * (schema 1, an artifact without layers, no JSON). What it is follows from its fields: the media
 * type is optional in OCI manifests.
 */
export function parseManifest(body: Buffer): ImageManifest | ImageIndex | null {
  let json: unknown;
  try {
    json = JSON.parse(body.toString("utf8"));
  } catch {
    return null;
  }
  if (typeof json !== "object" || json === null) return null;
  const isIndex = "manifests" in json;
  // Something that claims to be both is a known way to fool one of two readers (CVE-2021-41190).
  if (isIndex && ("layers" in json || "config" in json)) return null;
  if (isIndex) {
    const index = v.safeParse(IndexSchema, json);
    return index.success ? { kind: "index", ...index.output } : null;
  }
  const manifest = v.safeParse(ManifestSchema, json);
  return manifest.success ? { kind: "manifest", ...manifest.output } : null;
}
