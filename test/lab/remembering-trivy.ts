import { mkdirSync } from "node:fs";
import { join } from "node:path";

/**
 * A program that runs Trivy once for each list of arguments (they name the image by digest) and
 * database, and repeats its answer from then on, in all labs of a run: a start of Trivy takes a
 * second of a processor, and hundreds of updates in the tests are of the same few images.
 */
export function rememberingTrivy(labDir: string, trivy: string): string {
  const answers = process.env.PRATIQUE_LAB_ANSWERS ?? join(labDir, "trivy-answers");
  mkdirSync(answers, { recursive: true });
  return `#!/bin/sh
set -eu
key=$({ printf '%s\\n' "$@" | sed 's|${labDir}||g'; cat ${labDir}/trivy/db/trivy.db; } | sha256sum)
answer=${answers}/\${key%% *}
if [ ! -f "$answer" ]; then
  # Not by process id: another lab's namespace has the same ones.
  new=$(mktemp "$answer.XXXXXX")
  ${trivy} "$@" > "$new"
  mv "$new" "$answer"
fi
exec cat "$answer"
`;
}
