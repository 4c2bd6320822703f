import { readFileSync } from "node:fs";
import { join } from "node:path";

const CHECKOUT = join(import.meta.dirname, "..");

export interface PackageFacts {
  version: string;
  dependencies?: Record<string, string>;
}

/** What the package.json of a folder says. */
export function factsOf(folder: string): PackageFacts {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as PackageFacts;
}

/** Names of the packages that pratique needs at run time, with what they need themselves. */
export function runtimePackages(folder = CHECKOUT, found = new Set<string>()): Set<string> {
  for (const name of Object.keys(factsOf(folder).dependencies ?? {})) {
    if (found.has(name)) continue;
    found.add(name);
    runtimePackages(join(CHECKOUT, "node_modules", name), found);
  }
  return found;
}
