#!/bin/sh
# Goes back to a former image or database with pratique, for fingers that know this name.
#
#   rollback.sh list                            image backups of every container, newest first
#   rollback.sh list-containers [CONTAINER]     the same, or those of one container
#   rollback.sh container CONTAINER [N|IMAGE]   back to backup N (1) or to a named image
#   rollback.sh list-postgres                   database dumps and cold copies, newest first
#   rollback.sh postgres FILE                   the whole cluster from a dump or a cold copy
#   rollback.sh database DB FILE                one database, also out of a whole dump
#
# What replaces data asks on a terminal and needs --yes elsewhere; further options are handed on.
# Exit codes are those of `pratique rollback`: 0 done, 1 failed, 2 usage, 4 nothing to run it with.
# Runs under any sh, also as `sh rollback.sh list` from a noexec mount or copied elsewhere.
set -u

usage() {
  sed -n '2,13s/^# \{0,1\}//p' "$0"
}

# pratique may run in a container, where the working folder is another one.
absolute() {
  case $1 in
  [!/]*) if [ -e "$1" ]; then printf '%s/' "$PWD"; fi ;;
  esac
  printf '%s\n' "$1"
}

case ${1:-} in
list | list-containers | container | list-postgres) ;;
postgres)
  if [ $# -ge 2 ]; then
    file=$(absolute "$2")
    shift 2
    set -- postgres "$file" "$@"
  fi
  ;;
database)
  if [ $# -ge 3 ]; then
    database=$2
    file=$(absolute "$3")
    shift 3
    set -- database "$database" "$file" "$@"
  fi
  ;;
-h | --help | help)
  usage
  exit 0
  ;;
*)
  usage >&2
  exit 2
  ;;
esac
set -- rollback "$@"

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
