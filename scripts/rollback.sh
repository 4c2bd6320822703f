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
# A lost connection counts as SIGTERM: pratique finishes or rolls back what it has in hand first.

# docker exec hands no signal on, so pratique leaves its process id in its container and is told
# there. A session of its own lets docker's client outlive what ends the terminal's group, and tell
# how it went. Only `kill -9` goes unheard: the run then goes on to its end without a listener.
in_container() {
  note=/tmp/pratique-call-$$-$(date +%s)
  # shellcheck disable=SC2016 # Words of the shell in the container.
  start='echo $$ 2>/dev/null >"$0"; exec pratique "$@"'
  told=no
  trap 'tell TERM' HUP TERM
  trap 'tell INT' INT
  trap '' PIPE
  if [ -t 0 ] && [ -t 1 ] && [ -t 2 ]; then
    exec 3<&0 # What is started in the background loses standard input otherwise.
    docker exec -it --env NO_COLOR pratique sh -c "$start" "$note" "$@" <&3 &
  elif command -v setsid >/dev/null 2>&1; then
    setsid docker exec --env NO_COLOR pratique sh -c "$start" "$note" "$@" &
  else
    docker exec --env NO_COLOR pratique sh -c "$start" "$note" "$@" &
  fi
  client=$!
  wait $client
  code=$?
  while [ $told = yes ]; do # A signal ends the wait, not pratique.
    told=no
    wait $client
    code=$?
  done
  trap '' HUP # A terminal that closes now must not stop the tidying.
  docker exec pratique rm -f "$note" >/dev/null 2>&1 &
  exit $code
}

tell() {
  told=yes
  # shellcheck disable=SC2016 # Words of the shell in the container.
  docker exec pratique sh -c '
    tries=0 # It may not have come to write it yet.
    until [ -s "$0" ] || [ $tries -ge 5 ]; do sleep 1; tries=$((tries + 1)); done
    read -r id <"$0" && kill -s "$1" "$id"' "$note" "$1" >/dev/null 2>&1
}

if [ -n "${PRATIQUE:-}" ]; then
  if [ -x "$PRATIQUE" ]; then exec "$PRATIQUE" "$@"; fi
  # On a noexec mount nothing is executable, but the launcher is a script.
  if [ -r "$PRATIQUE" ]; then exec sh "$PRATIQUE" "$@"; fi
  echo "${0##*/}: PRATIQUE is $PRATIQUE, and there is no such program." >&2
  exit 4
fi
ask() {
  docker inspect --type container --format '{{.State.Status}}' pratique
}
if command -v docker >/dev/null 2>&1; then
  if [ "$(ask 2>/dev/null)" = running ]; then in_container "$@"; fi
  answer="docker: $(ask 2>&1 | tail -n 1)"
else
  answer="there is no docker on PATH"
fi
if command -v pratique >/dev/null 2>&1; then exec pratique "$@"; fi

echo "${0##*/}: found no pratique. Looked for:" >&2
echo "  - the program named by \$PRATIQUE (it is not set)" >&2
echo "  - a running container named pratique ($answer)" >&2
echo "  - pratique on PATH ($PATH)" >&2
exit 4
