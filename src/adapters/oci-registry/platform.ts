import type { Platform } from "../../ports.ts";

/** What an index says of one of its manifests; everything may be missing. */
export interface OfferedPlatform {
  os?: string | undefined;
  architecture?: string | undefined;
  variant?: string | undefined;
}

const ARCHITECTURES: Readonly<Record<string, string>> = {
  x86_64: "amd64",
  "x86-64": "amd64",
  aarch64: "arm64",
  armhf: "arm",
  armv7l: "arm",
  armv6l: "arm",
  i386: "386",
  i686: "386",
};

/** What runs on which processor, best first, as containerd's `platforms.Only` orders it. */
const FALLBACKS: Readonly<Record<string, readonly string[]>> = {
  "arm64/v8": ["arm64/v8", "arm/v8", "arm/v7", "arm/v6", "arm/v5"],
  "arm/v8": ["arm/v8", "arm/v7", "arm/v6", "arm/v5"],
  "arm/v7": ["arm/v7", "arm/v6", "arm/v5"],
  "arm/v6": ["arm/v6", "arm/v5"],
  "arm/v5": ["arm/v5"],
  "amd64/v4": ["amd64/v4", "amd64/v3", "amd64/v2", "amd64/v1", "386/"],
  "amd64/v3": ["amd64/v3", "amd64/v2", "amd64/v1", "386/"],
  "amd64/v2": ["amd64/v2", "amd64/v1", "386/"],
  "amd64/v1": ["amd64/v1", "386/"],
};

/** The architecture in the names that images use (`x86_64` is `amd64`). */
export function normalArchitecture(architecture: string): string {
  const lower = architecture.toLowerCase();
  return ARCHITECTURES[lower] ?? lower;
}

/**
 * Index of the entry that the engine would run on this platform, best match first; null where
 * none fits. Entries without a platform or with `unknown` ones (attestations) never fit.
 */
export function choosePlatform(
  offered: readonly (OfferedPlatform | undefined)[],
  platform: Platform,
): number | null {
  const wanted = `${normalArchitecture(platform.architecture)}/${variantOf(platform)}`;
  for (const candidate of FALLBACKS[wanted] ?? [wanted]) {
    const index = offered.findIndex(
      (offer) =>
        offer?.os === platform.os &&
        offer.architecture !== undefined &&
        `${normalArchitecture(offer.architecture)}/${variantOf(offer)}` === candidate,
    );
    if (index >= 0) return index;
  }
  return null;
}

function variantOf(platform: OfferedPlatform | Platform): string {
  const variant = platform.variant?.toLowerCase() ?? "";
  const architecture = normalArchitecture(platform.architecture ?? "");
  if (architecture === "arm64") return variant === "" || variant === "8" ? "v8" : variant;
  if (architecture === "amd64") return variant === "" ? "v1" : variant;
  if (architecture !== "arm") return variant;
  if (variant !== "") return variant.startsWith("v") ? variant : `v${variant}`;
  return platform.architecture === "armv6l" ? "v6" : "v7";
}
