#!/bin/sh
# Checks services with pratique, for crontabs and fingers that know this name.
#
#   health-checks.sh all          every configured service and watched container
#   health-checks.sh SERVICE...   these
#
# Exit codes are those of `pratique health`: 0 healthy, 1 not, 2 usage, 4 nothing to run it with.
# Runs under any sh, also as `sh health-checks.sh all` from a noexec mount or copied elsewhere.
set -u

usage() {
  sed -n '2,8s/^# \{0,1\}//p' "$0"
}

case ${1:-} in
"")
  usage >&2
  exit 2
  ;;
-h | --help | help)
  usage
  exit 0
  ;;
esac

set -- health "$@"

# Finds pratique and becomes it; the same lines in every script of this folder (tested).
# $PRATIQUE, else the running container of that name, else the program on PATH.
if [ -n "${PRATIQUE:-}" ]; then
  if [ -x "$PRATIQUE" ]; then exec "$PRATIQUE" "$@"; fi
  # On a noexec mount nothing is executable, but the launcher is a script.
  if [ -r "$PRATIQUE" ]; then exec sh "$PRATIQUE" "$@"; fi
  echo "${0##*/}: PRATIQUE is $PRATIQUE, and there is no such program." >&2
  exit 4
fi
if command -v docker >/dev/null 2>&1; then
  running=$(docker inspect --type container --format '{{.State.Running}}' pratique 2>/dev/null)
  if [ "$running" = true ]; then
    if [ -t 0 ] && [ -t 1 ]; then exec docker exec -it pratique pratique "$@"; fi
    exec docker exec pratique pratique "$@"
  fi
fi
if command -v pratique >/dev/null 2>&1; then exec pratique "$@"; fi

echo "${0##*/}: found no pratique. Looked for:" >&2
echo "  - the program named by \$PRATIQUE (it is not set)" >&2
if command -v docker >/dev/null 2>&1; then
  echo "  - a running container named pratique (docker knows none)" >&2
else
  echo "  - a running container named pratique (there is no docker on PATH)" >&2
fi
echo "  - pratique on PATH ($PATH)" >&2
exit 4
