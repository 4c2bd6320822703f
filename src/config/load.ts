/** Reads, completes and checks the configuration. All problems are reported at once. */
import { findFile } from "./find-file.ts";
import type { LoadRequest, LoadResult } from "./load-types.ts";
import { makeConfig } from "./make-config.ts";
import { parseYaml } from "./parse-yaml.ts";

/** Finds the file (DESIGN section 4) and makes a `Config` of it, or says all that is wrong. */
export function loadConfig(request: LoadRequest): LoadResult {
  const found = findFile(request);
  return found.ok ? makeConfig(found.file, parseYaml(found.text), request) : found;
}
