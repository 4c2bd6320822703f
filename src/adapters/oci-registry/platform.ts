import type { Platform } from "../../ports.ts";

/** What an index says of one of its manifests; everything may be missing. */
export interface OfferedPlatform {
  os?: string | undefined;
  architecture?: string | undefined;
  variant?: string | undefined;
}

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

/**
 * Index of the entry that the engine would run on this platform, best match first; null where
 * none fits. Entries without a platform or with `unknown` ones (attestations) never fit.
 */
export function choosePlatform(
  offered: readonly (OfferedPlatform | undefined)[],
  platform: Platform,
): number | null {
  const wanted = `${platform.architecture}/${variantOf(platform)}`;
  for (const candidate of FALLBACKS[wanted] ?? [wanted]) {
    const index = offered.findIndex(
      (offer) =>
        offer?.os === platform.os &&
        offer.architecture !== undefined &&
        `${offer.architecture}/${variantOf(offer)}` === candidate,
    );
    if (index >= 0) return index;
  }
  return null;
}

function variantOf(platform: OfferedPlatform | Platform): string {
  const variant = platform.variant ?? "";
  const { architecture } = platform;
  if (architecture === "arm64") return variant === "" || variant === "8" ? "v8" : variant;
  if (architecture === "amd64") return variant === "" ? "v1" : variant;
  if (architecture !== "arm") return variant;
  if (variant === "") return "v7";
  return variant.startsWith("v") ? variant : `v${variant}`;
}
