#!/bin/sh
# Compiled forms keep their values in registers, in the machine code itself, by ptxas's own account of a Hopper:
# no_stack.sh KERNELS NVCC [FLAG...], with the folder of the .cu files.
set -eu
kernels="$1"
shift
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
for name in pointwise sums; do
  "$@" -arch sm_90 -Xptxas -v -cubin "$kernels/$name.cu" -o "$work/$name.cubin" 2>>"$work/said" || { cat "$work/said" && exit 1; }
done
awk '
  /Compiling entry function/ { name = $0; sub(/.*function ./, "", name); sub(/. for.*/, "", name) }
  / bytes stack frame/ {
    if (name ~ /known_form/) { known++; if ($1) { print name " has a stack of " $1 " bytes"; failed = 1 } }
    else if (name ~ /any_form/ && $1) interpreted = 1
  }
  END {
    if (!known || !interpreted) { print "no forms, or an interpreter without a stack: this test cannot see what it is for"; exit 1 }
    print known " compiled forms, none with a stack"
    exit failed
  }' "$work/said"
