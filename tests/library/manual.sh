#!/bin/sh
# The manual pages: manual.sh LIMN. groff understands every line, each command of `limn --help` has its page, and each option
# of its --help is in that. Exit code 77: there is no groff, and so no page was looked at.
set -eu
limn="$1"
if ! command -v groff >/dev/null; then
  echo "manual: not run, for there is no groff on this machine (Debian: groff-base)" >&2
  exit 77
fi
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
failures=0

complain() {
  echo "manual: $*" >&2
  failures=1
}

"$limn" manual --into "$work"
commands="$("$limn" --help | awk '/^  [a-z]/ { print $1 }')"
[ -n "$commands" ] || complain "limn --help lists no command: this test reads it wrongly"
"$limn" manual | cmp -s - "$work/limn.1" || complain "limn manual and limn.1 differ"
for command in $commands; do
  page="$work/limn-$command.1"
  "$limn" manual "$command" | cmp -s - "$page" || complain "limn manual $command and $page differ"
  groff -man -Tascii -rLL=200n "$page" | sed 's/.\x08//g; s/\x1b\[[0-9;]*m//g' >"$work/text"
  for option in $("$limn" "$command" --help | grep -oE '^ +(-[a-z], )?--[a-z0-9_-]+' | grep -oE -e '--.*'); do
    grep -qE -e "(^|[ ,])$option( |=|\$)" "$work/text" || complain "limn-$command.1 lacks $option"
  done
  grep -q "limn-$command" "$work/text" || complain "limn-$command.1 lacks its name"
done
for page in "$work"/*.1; do
  groff -man -Tascii -ww -z "$page" 2>"$work/warnings" || complain "${page##*/}: groff fails"
  [ ! -s "$work/warnings" ] || complain "${page##*/}: $(head -n 3 "$work/warnings")"
done
[ "$(find "$work" -name '*.1' | wc -l)" = "$(($(echo "$commands" | wc -w) + 1))" ] || complain "there are pages of no command"
exit "$failures"
