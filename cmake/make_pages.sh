#!/bin/sh
# Manual pages and completions, written by the program itself: make_pages.sh LIMN PAGES COMPLETIONS (two folders, made anew).
set -eu
limn="$1"
pages="$2"
completions="$3"
rm -rf "$pages" "$completions"
mkdir -p "$pages" "$completions"
"$limn" manual --into "$pages"
gzip -9n "$pages"/*.1
"$limn" completions bash >"$completions/limn"
"$limn" completions zsh >"$completions/_limn"
"$limn" completions fish >"$completions/limn.fish"
