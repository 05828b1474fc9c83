#!/bin/sh
# What compare_checkpoints lets pass and what it does not. compare_checkpoints.sh PROGRAM FIXTURES
set -eu
program="$1"
fixtures="$2"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
failures=0

# expect CODE TEXT ARGUMENTS...: the exit code, and a text in what it says.
expect() {
  code="$1" text="$2" got=0
  shift 2
  output="$("$program" "$@" 2>&1)" || got=$?
  if [ "$got" -ne "$code" ] || ! echo "$output" | grep -qF "$text"; then
    echo "compare_checkpoints $*: expected $code and '$text', got $got: $output" >&2
    failures=1
  fi
}

# store FILE SHAPE NUMBERS [HEADER]: one tensor "w" and what else the header is given; the numbers are 4 little-endian bytes
# each, as printf takes them.
store() {
  header="$(printf '{"w":{"dtype":"F32","shape":[%s],"data_offsets":[0,8]}%s}' "$2" "${4:-}")"
  # shellcheck disable=SC2059 # the formats are made here
  { printf "\\$(printf '%03o' ${#header})\000\000\000\000\000\000\000" && printf '%s' "$header" && printf "$3"; } >"$folder/$1"
}

one='\000\000\200\077'
two='\000\000\000\100'
nan='\000\000\300\177'
zero='\000\000\000\000'
store ones 2 "$one$one"
store twos 2 "$two$two"
store nans 2 "$one$nan"
store zeros 2 "$zero$zero"
store upright 2,1 "$one$one"

store more 2 "$one$one$one" ',"v":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}'

expect 0 'worst 0 ' "$fixtures/vae.safetensors" "$fixtures/vae.safetensors" 0
expect 1 '(missing)' "$fixtures/vae.safetensors" "$fixtures/dcgan.safetensors" 1
expect 0 'worst 1 ' "$folder/ones" "$folder/twos" 1.01
expect 1 'worst 1 ' "$folder/ones" "$folder/twos" 0.99
expect 0 'worst 0.5 ' "$folder/twos" "$folder/ones" 0.51
expect 1 'worst inf' "$folder/ones" "$folder/nans" 1e9
expect 1 'worst inf' "$folder/nans" "$folder/nans" 1e9
expect 1 'worst 1e+06' "$folder/zeros" "$folder/ones" 1
expect 0 'worst 0 ' "$folder/zeros" "$folder/zeros" 0
expect 1 '(another shape or type)' "$folder/ones" "$folder/upright" 1
expect 1 '2 tensors, the reference has 1' "$folder/ones" "$folder/more" 1
expect 3 'compare_checkpoints: ' "$folder/ones" "$folder/none" 1
expect 2 'usage' "$folder/ones" "$folder/twos"
expect 2 'usage' "$folder/ones" "$folder/twos" far
expect 2 'usage' "$folder/ones" "$folder/twos" -1
exit "$failures"
