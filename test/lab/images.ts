/** Builds tiny images without any engine and pushes them straight to the registry. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import type { DebianPackageVersion, ImageSpec, LabImage } from "./lab-types.ts";
import { ARCHITECTURE } from "./programs.ts";
import { type Descriptor, type RegistryClient, sha256, splitReference } from "./registry-client.ts";
import { type TarEntry, writeTar } from "./tar-archive.ts";

interface Layer {
  content: Buffer;
  digest: string;
  /** Digest before compression. */
  diffId: string;
}

const MEDIA_TYPES = {
  oci: {
    manifest: "application/vnd.oci.image.manifest.v1+json",
    index: "application/vnd.oci.image.index.v1+json",
    config: "application/vnd.oci.image.config.v1+json",
    layer: "application/vnd.oci.image.layer.v1.tar+gzip",
  },
  docker: {
    manifest: "application/vnd.docker.distribution.manifest.v2+json",
    index: "application/vnd.docker.distribution.manifest.list.v2+json",
    config: "application/vnd.docker.container.image.v1+json",
    layer: "application/vnd.docker.image.rootfs.diff.tar.gzip",
  },
} as const;

/** The same specification gives the same digest, so time plays no part. */
const CREATED = "2026-01-01T00:00:00Z";
const NANOSECONDS_PER_MS = 1_000_000;

/** Pushes the image and points the tag of `reference` at it. */
export async function pushImage(
  registry: RegistryClient,
  host: string,
  busybox: string,
  reference: string,
  spec: ImageSpec,
): Promise<LabImage> {
  const { repository, version: tag } = splitReference(reference);
  const types = MEDIA_TYPES[spec.format ?? "oci"];
  const layers = [...(rootLayers(spec) ?? [baseLayer(busybox)]), ...ownLayers(spec)];
  for (const { content, digest } of layers) await registry.pushBlob(repository, content, digest);

  const architectures = spec.architectures ?? [ARCHITECTURE];
  const manifests: (Descriptor & { config: string; architecture: string; content: Buffer })[] = [];
  for (const architecture of architectures) {
    const config = Buffer.from(JSON.stringify(imageConfig(spec, layers, architecture)));
    await registry.pushBlob(repository, config, sha256(config));
    const content = manifestOf(types, config, layers);
    manifests.push({
      mediaType: types.manifest,
      digest: sha256(content),
      size: content.length,
      config: sha256(config),
      architecture,
      content,
    });
  }
  const own = manifests.find(({ architecture }) => architecture === ARCHITECTURE) ?? manifests[0];
  if (own === undefined) throw new Error("An image needs an architecture");

  let digest: string;
  if (spec.architectures === undefined) {
    digest = await registry.pushManifest(repository, tag, own.content, types.manifest);
  } else {
    for (const each of manifests) {
      await registry.pushManifest(repository, each.digest, each.content, types.manifest);
    }
    const index = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: types.index,
        manifests: manifests.map(({ mediaType, digest, size, architecture }) => ({
          mediaType,
          digest,
          size,
          platform: { os: "linux", architecture },
        })),
      }),
    );
    digest = await registry.pushManifest(repository, tag, index, types.index);
  }
  return {
    reference: `${host}/${repository}:${tag}`,
    digest,
    imageId: own.config,
    manifestDigest: own.digest,
    byDigest: `${host}/${repository}@${digest}`,
  };
}

function manifestOf(
  types: (typeof MEDIA_TYPES)["oci" | "docker"],
  config: Buffer,
  layers: readonly Layer[],
): Buffer {
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: types.manifest,
      config: { mediaType: types.config, digest: sha256(config), size: config.length },
      layers: layers.map(({ content, digest }) => ({
        mediaType: types.layer,
        digest,
        size: content.length,
      })),
    }),
  );
}

function imageConfig(spec: ImageSpec, layers: readonly Layer[], architecture: string): object {
  const asSet = (names: readonly string[] | undefined) =>
    names && Object.fromEntries(names.map((name) => [name, {}]));
  const variables = { PATH: "/bin", ...spec.env };
  const { healthcheck } = spec;
  const nanoseconds = (ms: number | undefined) => ms && ms * NANOSECONDS_PER_MS;
  return {
    architecture,
    os: "linux",
    created: CREATED,
    config: {
      Env: Object.entries(variables).map(([name, value]) => `${name}=${value}`),
      Entrypoint: spec.entrypoint,
      Cmd: spec.cmd,
      Labels: spec.labels,
      ExposedPorts: asSet(spec.exposedPorts),
      Volumes: asSet(spec.volumes),
      User: spec.user,
      WorkingDir: spec.workingDir,
      StopSignal: spec.stopSignal,
      Healthcheck: healthcheck && {
        Test: healthcheck.test,
        Interval: nanoseconds(healthcheck.intervalMs),
        Timeout: nanoseconds(healthcheck.timeoutMs),
        StartPeriod: nanoseconds(healthcheck.startPeriodMs),
        Retries: healthcheck.retries,
      },
    },
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(() => ({ created: CREATED, created_by: "pratique lab" })),
  };
}

/** By file: they have tens of megabytes. */
const cachedRootLayers = new Map<string, Layer>();

function rootLayers({ rootFileSystem }: ImageSpec): Layer[] | undefined {
  return rootFileSystem?.map(({ file, diffId }) => {
    const known = cachedRootLayers.get(file);
    if (known !== undefined) return known;
    const content = readFileSync(file);
    const layer = { content, digest: sha256(content), diffId };
    cachedRootLayers.set(file, layer);
    return layer;
  });
}

let cachedBaseLayer: Layer | undefined;

/** busybox and its applets, users, and the folders programs expect; shared by all images. */
function baseLayer(busybox: string): Layer {
  if (cachedBaseLayer !== undefined) return cachedBaseLayer;
  const applets = execFileSync(busybox, ["--list"], { encoding: "utf8" }).trim().split("\n");
  const folder = (path: string, mode = 0o755): TarEntry => ({ path, mode, isFolder: true });
  cachedBaseLayer = toLayer([
    ...["bin", "etc", "root", "var", "var/lib", "www"].map((path) => folder(path)),
    folder("tmp", 0o1777),
    { path: "bin/busybox", mode: 0o755, content: readFileSync(busybox) },
    ...applets
      .filter((applet) => applet !== "busybox")
      .map((applet) => ({ path: `bin/${applet}`, mode: 0o777, link: "busybox" })),
    textEntry("etc/passwd", "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/tmp:/bin/sh\n"),
    textEntry("etc/group", "root:x:0:\napp:x:1000:\n"),
  ]);
  return cachedBaseLayer;
}

function ownLayers(spec: ImageSpec): Layer[] {
  const entries: TarEntry[] = [];
  if (!spec.scratch) {
    const version = spec.debianVersion ?? "12";
    const release = [
      `PRETTY_NAME="Debian GNU/Linux ${version}"`,
      `VERSION_ID="${version.split(".")[0]}"`,
      "ID=debian",
    ];
    if (!spec.keepsRelease) {
      entries.push(
        textEntry("etc/os-release", `${release.join("\n")}\n`),
        textEntry("etc/debian_version", `${version}\n`),
      );
    }
    entries.push(textEntry("var/lib/dpkg/status", packageStatus(spec.packages ?? {})));
  }
  for (const [path, content] of Object.entries(spec.files ?? {})) {
    entries.push(textEntry(path.replace(/^\//, ""), content));
  }
  const layers = entries.length > 0 ? [toLayer(entries)] : [];
  if (spec.extraBytes !== undefined) {
    const content = incompressible(spec.extraBytes);
    layers.push(toLayer([{ path: "extra", mode: 0o644, content }]));
  }
  return layers;
}

/** dpkg's list. One package without faults is always there: an empty list is "nothing analysed". */
function packageStatus(packages: NonNullable<ImageSpec["packages"]>): string {
  const all: Record<string, string | DebianPackageVersion> = {
    "base-files": "12.4+deb12u5",
    ...packages,
  };
  const paragraphs = Object.entries(all).map(([name, details]) => {
    const { version, source } = typeof details === "string" ? { version: details } : details;
    const lines = [
      `Package: ${name}`,
      "Status: install ok installed",
      ...(source === undefined ? [] : [`Source: ${source}`]),
      "Maintainer: Lab <lab@example.org>",
      `Architecture: ${ARCHITECTURE}`,
      `Version: ${version}`,
    ];
    return `${lines.join("\n")}\n`;
  });
  return paragraphs.join("\n");
}

function textEntry(path: string, content: string | Buffer): TarEntry {
  const bytes = Buffer.from(content);
  return { path, mode: bytes.subarray(0, 2).toString() === "#!" ? 0o755 : 0o644, content: bytes };
}

function toLayer(entries: readonly TarEntry[]): Layer {
  const archive = writeTar(entries);
  const content = gzipSync(archive, { level: 1 });
  return { content, digest: sha256(content), diffId: sha256(archive) };
}

/** The same bytes each time, so that equal specifications stay equal. */
function incompressible(sizeBytes: number): Buffer {
  const chunks: Buffer[] = [];
  let filled = 0;
  for (let counter = 0; filled < sizeBytes; counter++) {
    const chunk = createHash("shake256", { outputLength: 65_536 }).update(`${counter}`).digest();
    chunks.push(chunk);
    filled += chunk.length;
  }
  return Buffer.concat(chunks).subarray(0, sizeBytes);
}
