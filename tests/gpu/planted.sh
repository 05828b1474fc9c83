#!/bin/sh
# Tests of the tests: mistakes that are planted in copies of our sources have to be noticed.
#
#   planted.sh plant SOURCE COPY SED     copies, with one line changed by the sed script
#   planted.sh expect TEXT COMMAND...    the command has to fail, and to say something that matches TEXT (grep -E)
set -u
export LC_ALL=C

plant() {
  sed -e "$3" "$1" >"$2" || exit
  changed="$(diff "$1" "$2" | grep -c '^<')"
  if [ "$changed" -ne 1 ]; then
    rm -f "$2"
    echo "planted.sh: $3 changes $changed lines of $1, not one: plant it anew" >&2
    exit 1
  fi
}

expect() {
  text="$1" code=0
  shift
  output="$(timeout -k 5 120 "$@" 2>&1)" || code=$?
  if [ "$code" -eq 0 ]; then
    echo "nobody has noticed what was planted: $*"
  elif [ "$code" -eq 124 ] || [ "$code" -eq 137 ]; then
    echo "what was planted made it hang: $*"
  elif ! printf '%s\n' "$output" | grep -Eq "$text"; then
    echo "it failed (exit code $code), but nothing that it said matches $text: $*"
    printf '%s\n' "$output" | tail -n 30
  else
    printf '%s\n' "$output" | grep -E "$text" | head -n 1
    return 0
  fi
  exit 1
}

case "${1-} $#" in
"plant 4") plant "$2" "$3" "$4" ;;
expect\ [3-9]*) shift && expect "$@" ;;
*)
  echo "usage: planted.sh plant SOURCE COPY SED | expect TEXT COMMAND..." >&2
  exit 2
  ;;
esac
