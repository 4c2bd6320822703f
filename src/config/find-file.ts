import { resolve } from "node:path";
import type { LoadRequest, LoadResult } from "./load-types.ts";

/** Where the configuration is looked for without `--config` and `$PRATIQUE_CONFIG`. */
const PLACES = ["/etc/pratique/pratique.yaml", "pratique.yaml"];

/** The file that `--config`, `$PRATIQUE_CONFIG` or the usual places name, with its text. */
export function findFile(
  request: LoadRequest,
): { ok: true; file: string; text: string } | Extract<LoadResult, { kind: "unreadable" }> {
  const named = request.path ?? (request.environment.PRATIQUE_CONFIG || null);
  const places = (named === null ? PLACES : [named]).map((place) =>
    resolve(request.workingFolder, place),
  );
  for (const file of places) {
    try {
      return { ok: true, file, text: request.readFile(file) };
    } catch (error) {
      const isAbsent = (error as NodeJS.ErrnoException).code === "ENOENT";
      if (named === null && isAbsent) continue;
      const why = isAbsent ? "there is no such file" : (error as Error).message;
      return { ok: false, kind: "unreadable", file, why };
    }
  }
  const why = `there is none; looked for ${places.join(" and ")}`;
  return { ok: false, kind: "unreadable", file: "file", why };
}
