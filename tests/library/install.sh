#!/usr/bin/env bash
# Installs a build and uses it as a stranger would: install.sh ROOT BUILD CC CXX. The examples are built with the installed copy,
# moved to another folder first, by pkg-config and by CMake, shared and static, and run. ROOT is read for the examples and one
# test alone.
set -euo pipefail
root="$1" build="$2" cc="$3" cxx="$4"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

fail() {
  echo "install: $*" >&2
  exit 1
}
quietly() { "$@" >"$work/log" 2>&1 || fail "$* fails: $(tail -n 5 "$work/log")"; }

# ---- installing ----

DESTDIR="$work/image" quietly cmake --install "$build" --prefix /opt/limn
[[ -x "$work/image/opt/limn/bin/limn" && ! -e /opt/limn/bin/limn ]] || fail "DESTDIR is not honoured"
quietly cmake --install "$build" --prefix "$work/first"
mv "$work/first" "$work/prefix"
prefix="$work/prefix"
lib="$(dirname "$(find "$prefix" -name liblimn.a)")"
for file in bin/limn include/limn/train.h share/man/man1/limn.1.gz share/man/man1/limn-train.1.gz share/doc/limn/copyright \
  share/bash-completion/completions/limn share/zsh/vendor-completions/_limn share/fish/vendor_completions.d/limn.fish; do
  [[ -s "$prefix/$file" ]] || fail "$file is not installed"
done
[[ ! -e "$prefix/include/limn/tools.h" ]] || fail "tools.h is installed, which is for our own program"
if found="$(grep -rlF -e "$root/" -e "$build" -e "$work" "$prefix" | grep -v '/liblimn_cuda')"; then
  fail "a path of this build is in $found"
fi
[[ -L "$lib/liblimn.so" && -L "$lib/liblimn.so.0" ]] || fail "the shared library's links are not there"
readelf -d "$lib/liblimn.so" | grep -q 'SONAME.*\[liblimn\.so\.0\]' || fail "liblimn.so is not called liblimn.so.0"
sh "$root/tests/law/headers.sh" "$prefix" "$cc" "$cxx" || fail "installed headers do not compile alone"
[[ "$(env -i "$prefix/bin/limn" --version)" == "limn "* ]] || fail "the installed program does not start"

# ---- building the examples ----

bin="$work/bin"
mkdir "$bin"
export PKG_CONFIG_PATH="$lib/pkgconfig"
strict=(-Wall -Wextra -pedantic -Werror)
read -ra flags < <(pkg-config --cflags limn)
read -ra shared < <(pkg-config --libs limn)
read -ra archive < <(pkg-config --static --libs limn | sed 's/-llimn\b/-l:liblimn.a/')
for example in train_and_sample circles; do
  quietly "$cc" -std=c11 "${strict[@]}" "${flags[@]}" "$root/examples/$example.c" "${shared[@]}" -lm -o "$bin/$example"
  quietly "$cc" -std=c11 "${strict[@]}" "${flags[@]}" "$root/examples/$example.c" "${archive[@]}" -o "$bin/${example}_static"
done
quietly "$cxx" -std=c++17 "${strict[@]}" "${flags[@]}" "$root/examples/generate.cpp" "${shared[@]}" -o "$bin/generate"
quietly "$cxx" -std=c++17 "${strict[@]}" "${flags[@]}" "$root/examples/generate.cpp" "${archive[@]}" -o "$bin/generate_static"
quietly cmake -S "$root/examples" -B "$work/cmake" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$cc" -DCMAKE_CXX_COMPILER="$cxx"
quietly cmake --build "$work/cmake"

# ---- running them ----

cd "$work"
{
  printf '\0\0\10\3\0\0\0\100\0\0\0\20\0\0\0\20' # 64 pictures of 16x16
  head -c 16384 < <(seq 1 9999)
} >pictures-idx3-ubyte
linked() { { ldd "$1" || true; } | grep -c 'liblimn\.so' || true; }

# try FOLDER SUFFIX SHARED: the examples there; SHARED: how many liblimn.so they need, 0 or 1.
try() {
  local train="$1/train_and_sample$2" circles="$1/circles$2" generate="$1/generate$2"
  for program in "$train" "$circles" "$generate"; do
    [[ "$(linked "$program")" == "$3" ]] || fail "$program is linked with $(linked "$program") liblimn.so and not $3"
  done
  rm -rf run circles samples.png
  quietly "$train" pictures-idx3-ubyte run steps=3 filters=4 latent=8 batch=8 threads=1
  [[ -s samples.png && -s run/checkpoints/latest ]] || fail "$train leaves no pictures or no checkpoint"
  "$generate" run 7 >"shown$2" || fail "$generate fails"
  [[ "$(wc -lc <"shown$2" | awk '{ print $1, $2 }')" == "8 136" ]] || fail "$generate shows no picture of 16x16"
  quietly "$circles" circles 3
  [[ -s circles/samples/000003.png ]] || fail "$circles leaves no picture"
  if "$generate" nowhere 2>message; then fail "$generate generates from nothing"; fi
  grep -q nowhere message || fail "$generate does not say what is missing"
}
export OMP_WAIT_POLICY=passive
LD_LIBRARY_PATH="$lib" try "$bin" "" 1
try "$bin" _static 0
try "$work/cmake" "" 1
try "$work/cmake" _static 0
cmp -s shown shown_static || fail "the shared library and the archive make different pictures"
