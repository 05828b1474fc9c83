#!/bin/sh
# Compiles every public header alone, and twice in a row, as strict C11 and as C++17. headers.sh ROOT CC CXX
set -eu
root="$1"
cc="$2"
cxx="$3"
failures=0
warnings='-Wall -Wextra -Wpedantic -Wshadow -Wundef -pedantic-errors -Werror'

for header in "$root"/include/limn/*.h; do
  name="limn/$(basename "$header")"
  source="$(printf '#include "%s"\n#include "%s"\nextern int limn_header_test;\n' "$name" "$name")"
  # shellcheck disable=SC2086 # the warnings are several words
  echo "$source" | "$cc" -std=c11 $warnings -Wstrict-prototypes -fsyntax-only -I"$root/include" -x c - || failures=1
  # shellcheck disable=SC2086
  echo "$source" | "$cxx" -std=c++17 $warnings -fsyntax-only -I"$root/include" -x c++ - || failures=1
  if ! grep -q 'extern "C"' "$header"; then
    echo "$name: lacks extern \"C\": C++ programs could not link with it" >&2
    failures=1
  fi
done
exit "$failures"
