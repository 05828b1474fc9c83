#!/bin/sh
# Makes the planning driver: a libcuda.so.1 for machines without NVIDIA's, so that cuDNN can plan there. cuDNN compiles
# fused kernels while it plans and hands them to the driver; here each is "loaded" as one and the same dummy object, and
# whatever would touch a device answers that there is none. Nothing can be run with it.
#
# usage: make_planning_driver.sh STUB OUT
#   STUB  the toolkit's lib/stubs/libcuda.so, whose exported names are taken over
#   OUT   the library; its SONAME is libcuda.so.1 whatever it is called. A program that links it, or loads it before
#         cuDNN looks for the driver, has it used in the driver's place.
# CC and NM are honoured.
set -eu
if [ $# -ne 2 ]; then
  echo "usage: $0 STUB OUT" >&2
  exit 2
fi
stub=$1
out=$2
source=$out.$$.c
made=$out.$$.so
trap 'rm -f "$source" "$made"' EXIT
trap 'exit 1' HUP INT TERM

{
  echo '/* Generated from the names of the CUDA driver API. 0: success; 100: no device. */'
  echo 'static long object[8];'
  "${NM:-nm}" -D --defined-only "$stub" | awk '$3 ~ /^cu[A-Z]/ { print $3 }' | sort -u | awk '
    /^cuLibrary(LoadData|GetKernel|GetModule)$/ || /^cuKernelGetFunction$/ ||
    /^cuModule(LoadData|LoadDataEx|GetFunction)$/ {
      print "int " $1 "(void **handle) { *handle = object; return 0; }"; next }
    /^cu(Library|Module)Unload$/ || /^cu(Kernel|Func)SetAttribute$/ { print "int " $1 "(void) { return 0; }"; next }
    /^cu(Kernel|Func)GetAttribute$/ { print "int " $1 "(int *value) { *value = 0; return 0; }"; next }
    { print "int " $1 "(void) { return 100; }" }'
} > "$source"

names=$(grep -c '^int ' "$source" || true)
if [ "$names" -lt 100 ] || ! grep -q '^int cuLibraryLoadData(' "$source"; then
  echo "$0: $stub exports $names names and is not a stub of the CUDA driver (12 or later)" >&2
  exit 1
fi
"${CC:-cc}" -O1 -w -shared -fPIC -Wl,-soname,libcuda.so.1 -o "$made" "$source"
mv "$made" "$out"
