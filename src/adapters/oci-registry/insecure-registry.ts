import { lookup } from "node:dns/promises";
import { BlockList, isIP } from "node:net";

/**
 * Whether the engine would talk plain HTTP to this registry: loopback always (the engine's
 * built-in rule), else what `info().insecureRegistries` lists as `host:port` or as a CIDR that
 * holds the address. A name is looked up only where a CIDR other than loopback is listed.
 */
export async function isInsecureRegistry(
  registry: string,
  insecureRegistries: readonly string[],
): Promise<boolean> {
  if (isLoopbackRegistry(registry)) return true;
  if (insecureRegistries.some((entry) => entry.toLowerCase() === registry.toLowerCase())) {
    return true;
  }
  const ranges = rangesOf(insecureRegistries);
  if (ranges === null) return false;
  for (const address of await addressesOf(hostOf(registry))) {
    if (ranges.check(address, isIP(address) === 6 ? "ipv6" : "ipv4")) return true;
  }
  return false;
}

/** 127.0.0.0/8, ::1 and localhost, with any port. */
export function isLoopbackRegistry(registry: string): boolean {
  const host = hostOf(registry);
  if (host === "localhost" || host === "::1") return true;
  return isIP(host) === 4 && host.startsWith("127.");
}

/** The host of `host:port`, `[::1]:5000` or `host`, in lower case and without brackets. */
export function hostOf(registry: string): string {
  const bracketed = /^\[([^\]]+)\]/.exec(registry);
  const host = bracketed?.[1] ?? registry.replace(/:\d+$/, "");
  return host.toLowerCase();
}

function rangesOf(entries: readonly string[]): BlockList | null {
  const ranges = new BlockList();
  for (const entry of entries) {
    const [address = "", bits = ""] = entry.split("/");
    const family = isIP(address);
    const isRange =
      family !== 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (family === 6 ? 128 : 32);
    if (!isRange || isLoopbackRegistry(family === 6 ? `[${address}]` : address)) continue;
    ranges.addSubnet(address, Number(bits), family === 6 ? "ipv6" : "ipv4");
  }
  return ranges.rules.length === 0 ? null : ranges;
}

async function addressesOf(host: string): Promise<string[]> {
  if (isIP(host) !== 0) return [host];
  try {
    return (await lookup(host, { all: true })).map(({ address }) => address);
  } catch {
    return []; // The request itself will say that the name is unknown.
  }
}
