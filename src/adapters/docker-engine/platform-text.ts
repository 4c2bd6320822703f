import type { Platform } from "../../ports.ts";

/** `linux/amd64`, `linux/arm/v7`, as the engine's `platform` parameter has it. */
export function platformText(platform: Platform): string {
  const { os, architecture, variant } = platform;
  return variant === null ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`;
}
