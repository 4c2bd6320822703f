import { mkdirSync } from "node:fs";
import { join } from "node:path";

/**
 * A program that runs Trivy once for each list of arguments (they name the image by digest) and
 * database, and repeats its answer from then on, in all labs of a run: a start of Trivy takes a
 * second of a processor, and hundreds of updates in the tests are of the same few images. An image
 * of the lab's registry is known by its digest alone; the answer has the name that is asked for.
 */
export function rememberingTrivy(labDir: string, trivy: string): string {
  const answers = process.env.PRATIQUE_LAB_ANSWERS ?? join(labDir, "trivy-answers");
  mkdirSync(answers, { recursive: true });
  return `#!/bin/sh
set -eu

# Prints the file $1, which has what Trivy says to the other arguments.
remember() {
  answer=$1
  shift
  if [ ! -f "$answer" ]; then
    # Not by process id: another lab's namespace has the same ones.
    new=$(mktemp "$answer.XXXXXX")
    ${trivy} "$@" > "$new"
    if [ -n "$image" ]; then sed -i "s|$image|lab-image@$digest|g" "$new"; fi
    mv "$new" "$answer"
  fi
  exec sed "s|lab-image@$digest|$image|g" "$answer"
}

remember_scan() {
  for image in "$@"; do :; done # The last argument.
  digest=\${image##*@}
  key=$({
    printf '%s\\n' "$@" | sed 's|${labDir}||g; s|^127\\.0\\.0\\.1:5000/[^@]*@|lab-image@|'
    cat ${labDir}/trivy/db/trivy.db
  } | sha256sum)
  remember "${answers}/\${key%% *}" "$@"
}

image= digest=
case "$*" in
  'image --help') remember ${answers}/help "$@" ;;
  'image '*@sha256:*) remember_scan "$@" ;;
  *) exec ${trivy} "$@" ;;
esac
`;
}
