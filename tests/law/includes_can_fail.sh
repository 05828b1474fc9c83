#!/bin/sh
# A law that nothing can break protects nothing: breaks each rule of it once, in a small tree, and expects includes.sh to see it.
# includes_can_fail.sh ROOT
set -eu
root="$1"
tree="$(mktemp -d)"
trap 'rm -rf "$tree"' EXIT
failures=0

new_tree() {
  rm -rf "$tree/include" "$tree/src" "$tree/docs"
  mkdir -p "$tree/docs" "$tree/include/limn" "$tree/src/host/cli" "$tree/src/host/graph" "$tree/src/host/devices/cpu"
  cp "$root/docs/architecture.md" "$tree/docs/"
  echo '#include <stddef.h>' >"$tree/include/limn/status.h"
  printf '#include "limn/status.h"\n#include "args.h"\n' >"$tree/src/host/cli/main.c"
  printf '#include "base/error.h"\n#include "graph/graph.h"\n' >"$tree/src/host/graph/graph.c"
  echo '#include <oneapi/dnnl/dnnl.h>' >"$tree/src/host/devices/cpu/engine.c"
}

# expect WORD FILE LINE: with LINE in FILE, includes.sh must fail and name FILE and WORD.
expect() {
  new_tree
  mkdir -p "$(dirname "$tree/$2")"
  printf '%s\n' "$3" >>"$tree/$2"
  if output="$(sh "$root/tests/law/includes.sh" "$tree" 2>&1)"; then
    echo "not noticed: $3 in $2" >&2
    failures=1
  elif ! echo "$output" | grep -q "^$2:.*$1"; then
    echo "$3 in $2: expected a line with '$1', got: $output" >&2
    failures=1
  fi
}

new_tree
if ! sh "$root/tests/law/includes.sh" "$tree"; then
  echo "a tree that keeps the law is refused" >&2
  failures=1
fi
expect 'may not include' src/host/cli/main.c '#include "graph/graph.h"'
expect 'may not include' src/host/cli/main.c '#include "base/error.h"'
expect 'may not include' src/host/graph/graph.c '#include "train/gan.h"'
expect 'may not include' src/host/graph/graph.c '  #  include "devices/cpu/engine.h"'
expect 'may not include' src/host/models/dcgan.c '#include "run/run.h"'
expect 'may not include' include/limn/status.h '#include "base/error.h"'
expect 'may not include' src/kernels/relu.cu '#include "base/error.h"'
expect 'may not include' src/host/devices/cpu/engine.c '#include "devices/cuda/plan.h"'
expect 'may not include' src/host/devices/cuda/plan.c '#include "devices/cpu/cpu.h"'
expect 'may not include' src/host/devices/cuda/deep/inside/plan.c '#include "devices/cpu/simd/simd.h"'
expect 'may not include' src/host/devices/doctor.c '#include "devices/cpu/cpu.h"'
expect 'may not include' src/host/graph/graph.c '#include <train/session.h>'
expect 'name headers from' src/host/graph/graph.c '#include "base/../train/session.h"'
expect 'belongs to' src/host/graph/graph.c '#include <dnnl.h>'
expect 'belongs to' src/host/train/gan.c '#include "oneapi/dnnl/dnnl_types.h"'
expect 'belongs to' src/host/devices/cpu/engine.c '#include <cuda_runtime.h>'
expect 'belongs to' src/host/data/folder.c '#include <png.h>'
expect 'name headers from' src/host/graph/graph.c '#include "../base/error.h"'
expect 'is not in the law' src/host/misc/misc.c '#include <stddef.h>'
expect 'lines; split it' src/host/graph/graph.c "$(seq 600 | sed 's/.*/\/\/ &/')"

# What the law permits piece by piece may still lead back to where it began.
new_tree
mkdir -p "$tree/src/host/devices/cpu"
echo '#include "devices/cpu/cpu_device.h"' >"$tree/src/host/devices/device.h"
echo '#include "devices/device.h"' >"$tree/src/host/devices/cpu/cpu_device.h"
if output="$(sh "$root/tests/law/includes.sh" "$tree" 2>&1)" || ! echo "$output" | grep -q 'a circle between rooms: .*devices/device'; then
  echo "a circle between devices and devices/cpu was not noticed: $output" >&2
  failures=1
fi
exit "$failures"
