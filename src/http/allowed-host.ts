import { isIP } from "node:net";
import type { HttpConfig } from "../config/config.ts";

/**
 * Whether a request's Host is ours. A page of somebody else can make a browser ask us under its own
 * name (DNS rebinding); an address or localhost it cannot take, so only other names are listed.
 */
export function isAllowedHost(header: string | undefined, http: HttpConfig): boolean {
  const name = hostOf(header ?? "");
  if (name === null) return false;
  if (name === "localhost" || isIP(name) !== 0) return true;
  const ours = [...http.hosts, hostOf(http.bind), publicHost(http)];
  return ours.some((own) => own?.toLowerCase() === name);
}

/** Without port and brackets, in lower case; null where it is no host. */
function hostOf(text: string): string | null {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9_.-]+))(?::\d{1,5})?$/i.exec(text);
  return (match?.[1] ?? match?.[2])?.toLowerCase() ?? null;
}

function publicHost({ publicUrl }: HttpConfig): string | null {
  return publicUrl === null ? null : new URL(publicUrl).hostname;
}
