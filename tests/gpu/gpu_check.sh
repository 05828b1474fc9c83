#!/bin/sh
# What scripts/gpu-check makes of programs that pass, fail and are absent: made-up ones, so that it takes seconds and no GPU.
# gpu_check.sh SCRIPT
set -eu
script="$1"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
failures=0 sections=''
mkdir "$folder/build"

# A limn whose doctor finds no GPU with FAKE_GPU=--, and whose training fails with FAKE_TRAIN=1.
cat >"$folder/build/limn" <<'END'
#!/bin/sh
out=''
for word; do
  [ "$last" != --out ] || out="$word"
  last="$word"
done
case "$1" in
doctor)
  if [ "${2:-}" = --card ]; then
    printf '{\n  "memory_bytes": 141.0,\n  "bandwidth": 4.8\n}\n'
    exit
  fi
  printf 'CPU            ok  a CPU\nCUDA module    ok  0, m.so\nCUDA           %s  a "GPU" | of none\n' "${FAKE_GPU:-ok}"
  ;;
--version) echo limn 0.0.0 ;;
train)
  [ "${FAKE_TRAIN:-0}" -eq 0 ] || exit 5
  [ -z "$out" ] || { mkdir -p "$out/checkpoints" && echo "weights$FAKE_START" | tee "$out/checkpoints/000012.safetensors" >"$out/checkpoints/000003.safetensors"; }
  ;;
bench)
  printf '{\n  "milliseconds_median": 2.5,\n  "milliseconds": 2.0,\n  "host_milliseconds": 0.25,\n  "images_per_second": 51200.0\n}\n'
  [ "$2" != ops ] || for share in 0.2 0.3 0.5; do
    printf '"name": "convolution",\n"share": 0.1,\n"peak_share": %s,\n' $share
  done
  ;;
esac
END
# shellcheck disable=SC2016 # for the program
printf '#!/bin/sh\necho "3 passed, $((${FAKE_OPS:-0})) failed"\nexit $((${FAKE_OPS:-0}))\n' >"$folder/build/op_tests"
# shellcheck disable=SC2016 # for the program
printf '#!/bin/sh\necho "2 tensors, 0 too far off; worst ${FAKE_WORST:-0} (allowed $3): w"\nexit ${FAKE_FAR:-0}\n' >"$folder/build/compare_checkpoints"
# shellcheck disable=SC2016
printf '#!/bin/sh\nprintf "a gradient\\t\\teng1\\t128\\t20.0\\na gradient\\teng2\\teng2\\t16\\t265.0\\nb\\teng9\\teng9\\t\\t\\n"\n' >"$folder/build/engine_race"
chmod +x "$folder"/build/*

# expect CODE: runs the script; then says and says_not look into its table.
expect() {
  got=0
  "$script" "$folder/out" --quick $sections --build "$folder/build" >"$folder/log" 2>&1 || got=$?
  if [ "$got" -ne "$1" ]; then
    echo "expected exit code $1, got $got:" >&2
    cat "$folder/log" >&2
    failures=1
  fi
}
says() {
  grep -q "$1" "$folder/out/gpu-check.$2" || { echo "no '$1' in:" >&2 && cat "$folder/out/gpu-check.$2" >&2 && failures=1; }
}
says_not() {
  ! grep -q "$1" "$folder/out/gpu-check.$2" || { echo "'$1' in:" >&2 && cat "$folder/out/gpu-check.$2" >&2 && failures=1; }
}

expect 0
says '^| ops fp32 | passed |' md
says '^| system | passed | [0-9]* | glibc ' md
says '^| batchnorm by cuDNN | passed | [0-9]* | 3 passed, 0 failed |' md
says '^| start dcgan bf16 | passed | [0-9]* | [0-9]* ms with planning, [0-9]* ms from the cache |' md
says '^| bench ops dcgan bf16 | passed | [0-9]* | 2 x convolution above three times the floor |' md
says '^| cpu and cuda, dcgan 16 | passed |' md
says '^| deterministic dcgan | passed |' md
says '^| bench dcgan bf16 | passed | [0-9]* | 2.50 ms a step, 51200 images/s |' md
says '^| limn dcgan bf16 | 2.500 |' md
says '^| card | passed | [0-9]* | 141.0 bytes, 4.8 bytes/s: card.json |' md
grep -q '"bandwidth": 4.8' "$folder/out/card.json" || { echo "no card.json" >&2 && failures=1; }
says '^| step and rows dcgan bf16 | passed | [0-9]* | 2.500 ms a step, 2.000 ms its rows (1.25); 0.250 ms of the host' md
says '^| engines side by side | passed | [0-9]* | a gradient: eng1 20.0, else eng2 265.0; b: eng9  |' md
says '^| kernels | not run | [0-9]* | there is no NVIDIA driver' md
says '^| plans | not run |' md
says '"failed": 0,' json
says '"limn dcgan bf16": { *"milliseconds_median": 2.5,' json
says '"ops-dcgan-bf16": { *"milliseconds_median": 2.5,' json
says '"CUDA": "a \\"GPU\\" | of none"' json

export FAKE_GPU=--
expect 4
says_not '^| \(ops\|cpu\|deterministic\|bench\).* | passed |' md
says '"name": "ops fp32", "result": "not run"' json
unset FAKE_GPU

export FAKE_OPS=1
expect 1
says '^| ops fp32 | failed | [0-9]* | 3 passed, 1 failed |' md
says '^| deterministic dcgan | passed |' md
unset FAKE_OPS

export FAKE_TRAIN=1
expect 1
says '^| deterministic dcgan | failed | [0-9]* | exit code 5' md
unset FAKE_TRAIN

export FAKE_FAR=1 FAKE_WORST=0.75
expect 1
says '^| cpu and cuda, vae 16 | failed | [0-9]* | fp32 0.75 of 5e-2' md
unset FAKE_FAR FAKE_WORST

sections='--sections 2-3'
expect 0
says '^| start dcgan bf16 | passed |' md
says_not '^| \(ops\|bench\|deterministic\)' md
sections=''

rm "$folder/build/compare_checkpoints"
expect 0
says '^| cpu and cuda, vae 16 | not run | [0-9]* | there is no compare_checkpoints' md
exit "$failures"
