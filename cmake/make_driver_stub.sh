#!/bin/sh
# Makes a stub of the CUDA driver for toolkits that come without one, as those from PyPI do: a libcuda.so that has the
# driver's names and nothing behind them. Good for linking, and for make_planning_driver.sh.
#
# usage: make_driver_stub.sh CUDA_H OUT
#   CUDA_H  the toolkit's include/cuda.h, which declares the names
# CC is honoured.
set -eu
if [ $# -ne 2 ]; then
  echo "usage: $0 CUDA_H OUT" >&2
  exit 2
fi
header=$1
out=$2
source=$out.$$.c
made=$out.$$.so
trap 'rm -f "$source" "$made"' EXIT
trap 'exit 1' HUP INT TERM

# The header makes names with the suffixes of per-thread streams by macros; a name too many does no harm.
grep -oE '\bcu[A-Z][A-Za-z0-9]*(_v[0-9]+)?\b' "$header" | sort -u |
  awk '{ print $1; print $1 "_ptds"; print $1 "_ptsz" }' |
  awk '{ print "int " $1 "(void) { return 34; }" }' >"$source" # 34: CUDA_ERROR_STUB_LIBRARY

if ! grep -q '^int cuLibraryLoadData(' "$source"; then
  echo "$0: $header does not declare the CUDA driver's functions (12 or later)" >&2
  exit 1
fi
"${CC:-cc}" -O1 -w -shared -fPIC -Wl,-soname,libcuda.so.1 -o "$made" "$source"
mv "$made" "$out"
