import type { Engine } from "../ports.ts";
import { type Helper, withHelper } from "./helper.ts";

/** What decides whether a data directory of one image may be served by another. */
export interface ImageFacts {
  major: number | null;
  /** `15.18-1.pgdg12+1`; null where the image does not say. */
  version: string | null;
  /** `debian bookworm`. */
  distribution: string;
  /** `glibc 2.36`, `musl`; collations come from it. */
  libc: string;
}

/** Read without starting a server; works for Debian, Alpine and what is built on them. */
const PROBE = `cat /etc/os-release 2>/dev/null
for each in /lib/ld-musl-*; do [ -e "$each" ] && echo "PRATIQUE_LIBC=musl"; done
echo "PRATIQUE_LIBC=$(getconf GNU_LIBC_VERSION 2>/dev/null || ldd --version 2>/dev/null | head -n 1)"
echo "PRATIQUE_SERVER=$(postgres --version 2>/dev/null)"`;

/** Asks an image for its PostgreSQL, distribution and C library. */
export async function readImageFacts(
  imageId: string,
  role: string,
  engine: Engine,
): Promise<ImageFacts> {
  const image = await engine.inspectImage(imageId);
  const env = new Map((image?.Config?.Env ?? []).map((entry) => splitOnce(entry)));
  const request = { operationId: "preflight", role, imageId };
  const facts = await withHelper(request, engine, factsInside);
  return { ...facts, version: env.get("PG_VERSION") ?? null };
}

/** The same, asked in a helper that is there anyway. */
export async function factsInside(helper: Helper): Promise<Omit<ImageFacts, "version">> {
  return parseFacts(await helper.run(["/bin/sh", "-c", PROBE]));
}

/** The probe's answer; a major that nothing names is null. */
export function parseFacts(text: string): Omit<ImageFacts, "version"> {
  const lines = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [name, value] = splitOnce(line);
    const plain = value.replace(/^"(.*)"$/, "$1");
    if (plain !== "" && !lines.has(name)) lines.set(name, plain);
  }
  const server = /(\d+)/.exec(lines.get("PRATIQUE_SERVER") ?? "")?.[1];
  const release = lines.get("VERSION_CODENAME") ?? lines.get("VERSION_ID") ?? "";
  // Alpine's releases share one C library without versions: the minor release changes nothing.
  const isAlpine = lines.get("ID") === "alpine";
  return {
    major: server === undefined ? null : Number(server),
    distribution: isAlpine ? "alpine" : `${lines.get("ID") ?? "unknown"} ${release}`.trim(),
    libc: lines.get("PRATIQUE_LIBC") ?? "unknown",
  };
}

function splitOnce(entry: string): [string, string] {
  const at = entry.indexOf("=");
  return at < 0 ? [entry, ""] : [entry.slice(0, at), entry.slice(at + 1)];
}
