/**
 * Ending what an exec started, from inside its container: the Engine API cannot signal an exec.
 * Invariant: a program ends before its parent does. An orphan belongs to process 1, and where that
 * is PostgreSQL, one that a signal ended counts as a crashed backend: the server ends every session
 * and goes through recovery (its postmaster.c, where it reaps children).
 */

/** Variable that marks a program inside the container, so that it can be found there. */
export const EXEC_MARK = "PRATIQUE_EXEC";

/** Longer than the script takes. */
export const END_MS = 60_000;

/** Needs a shell, tr, grep, sleep and kill in the container. */
const SCRIPT = `marked() {
  for process in /proc/[0-9]*; do
    mark=$(tr '\\0' '\\n' < "$process/environ" 2>/dev/null | grep "^$0=")
    case "$1:$mark" in
    "this:$0=$2") echo "\${process#/proc/}" ;;
    "others:$0=$2") ;;
    "others:$0="*) echo "\${process#/proc/}" ;;
    esac
  done
}
for round in TERM KILL ALL; do
  signal=$round
  if [ "$round" = ALL ]; then signal=KILL; fi
  tries=0
  while [ "$tries" -lt 40 ]; do
    left=$(marked "$@")
    if [ -z "$left" ]; then exit 0; fi
    for pid in $left; do
      if [ "$round" != ALL ] && grep -qs "^PPid:[[:blank:]]*$pid\\$" /proc/[0-9]*/status; then
        continue
      fi
      kill -s "$signal" "$pid" 2>/dev/null
    done
    tries=$((tries + 1))
    sleep 0.1
  done
done
exit 1`;

/**
 * The command that ends the programs of one mark (`this`) or of every other one (`others`: a crashed
 * process knows its marks no more); it exits with 1 where some survive.
 */
export function endCommand(which: "this" | "others", id: string): string[] {
  return ["/bin/sh", "-c", SCRIPT, EXEC_MARK, which, id];
}
