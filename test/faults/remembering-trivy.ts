import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Lab } from "../lab/lab-types.ts";

/**
 * Makes pratique use a program that runs the lab's Trivy once for each list of arguments and repeats its answer from
 * then on. Hundreds of updates of the same few images need not scan them hundreds of times: no
 * fault of this enumeration is at the scanner.
 */
export function rememberScans(config: string, lab: Lab): void {
  const command = JSON.stringify([writeRememberingTrivy(lab)]);
  const text = readFileSync(config, "utf8");
  writeFileSync(config, text.replace("scanner:\n", `scanner:\n  command: ${command}\n`));
}

function writeRememberingTrivy(lab: Lab): string {
  const file = join(lab.dir, "remembering-trivy");
  const answers = lab.folder("trivy-answers");
  writeFileSync(
    file,
    `#!/bin/sh
set -eu
answer=${answers}/$(printf '%s\\n' "$@" | sha256sum | cut -c 1-32)
if [ ! -f "$answer" ]; then
  trivy "$@" > "$answer.$$"
  mv "$answer.$$" "$answer"
fi
exec cat "$answer"
`,
    { mode: 0o755 },
  );
  return file;
}
