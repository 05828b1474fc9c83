#!/usr/bin/env bash
# The Debian package: package.sh BUILD. cpack makes it; it is unpacked, not installed, and the program trains out of there. Exit
# code 77: this machine has not what packing takes.
set -euo pipefail
build="$1"
for tool in cpack dpkg-deb dpkg-shlibdeps ldd; do
  if ! command -v "$tool" >/dev/null; then
    echo "package: not run, for there is no $tool on this machine (Debian: cmake, dpkg-dev)" >&2
    exit 77
  fi
done
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

fail() {
  echo "package: $*" >&2
  exit 1
}

(cd "$build" && cpack -G DEB -B "$work") >"$work/log" 2>&1 || fail "cpack fails: $(tail -n 5 "$work/log")"
package="$(find "$work" -maxdepth 1 -name 'limn_*.deb')"
[[ -n "$package" ]] || fail "cpack made no package: $(tail -n 5 "$work/log")"
(($(stat -c %s "$package") < 25000000)) || fail "the package has $(stat -c %s "$package") bytes"
field() { dpkg-deb -f "$package" "$1"; }
[[ "$(field Package)" == limn ]] || fail "the package is called $(field Package)"
depends="$(field Depends)"
for library in libc6 libdnnl libgomp libpng libyaml libjansson; do
  [[ "$depends" == *"$library"* ]] || fail "it does not depend on $library: $depends"
done
[[ "$depends" != *nvidia* && "$depends" != *cud* ]] || fail "it cannot be installed without NVIDIA's packages: $depends"

root="$work/root"
dpkg-deb -x "$package" "$root"
[[ "$(find "$root" -mindepth 1 -maxdepth 1)" == "$root/usr" ]] || fail "files outside /usr: $(ls "$root")"
for file in bin/limn include/limn/train.h share/doc/limn/copyright share/bash-completion/completions/limn \
  share/zsh/vendor-completions/_limn share/fish/vendor_completions.d/limn.fish; do
  [[ -s "$root/usr/$file" ]] || fail "/usr/$file is not in it"
done
limn="$root/usr/bin/limn"
for command in $(env -i "$limn" --help | awk '/^  [a-z]/ { print $1 }'); do
  gzip -dc "$root/usr/share/man/man1/limn-$command.1.gz" | grep -q '^\.SH OPTIONS' || fail "no manual page of limn $command"
done
cd "$work"
{
  printf '\0\0\10\3\0\0\0\100\0\0\0\20\0\0\0\20' # 64 pictures of 16x16
  head -c 16384 < <(seq 1 9999)
} >pictures-idx3-ubyte
env -i OMP_WAIT_POLICY=passive "$limn" train vae --data pictures-idx3-ubyte --device cpu --threads 1 --steps 3 --filters 4 --latent 8 \
  --batch 8 --out run -q >"$work/log" 2>&1 || fail "limn train fails: $(cat "$work/log")"
[[ -s run/checkpoints/latest ]] || fail "limn train leaves no checkpoint"
