#!/bin/sh
# Every call of the CUDA device fails in turn, on the virtual GPU: a small DCGAN run whose N-th call of a kind fails has to end
# with exit code 4 and one line that says what failed, without a leak, and with its checkpoints as they are without the fault.
#
#   faults.sh PROGRAM MODULE --every | --sample K [--seed S] [--precision P] [--verbose]
#
#   PROGRAM MODULE   limn, and the CUDA module with the virtual GPU
#   --every          each call of each kind: some thousand runs; --sample: about K of them, the first and last of each kind and
#                    others by chance
#   --verbose        each fault with what the run said about it
set -u
export LC_ALL=C OMP_WAIT_POLICY=passive
usage() {
  echo "usage: faults.sh PROGRAM MODULE --every | --sample K [--seed S] [--precision P] [--verbose]" >&2
  exit 2
}
[ $# -ge 3 ] || usage
program="$1" LIMN_CUDA_MODULE="$2" sample='' seed=1 precision=fp32 verbose=false
export LIMN_CUDA_MODULE
shift 2
while [ $# -gt 0 ]; do
  case "$1" in
  --every) sample=0 ;;
  --verbose) verbose=true ;;
  --sample | --seed | --precision)
    [ $# -gt 1 ] || usage
    case "$1" in --sample) sample="$2" ;; --seed) seed="$2" ;; *) precision="$2" ;; esac
    shift
    ;;
  *) usage ;;
  esac
  shift
done
[ -n "$sample" ] || usage

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
unset LIMN_VIRTUAL_GPU_FAIL LIMN_VIRTUAL_GPU_MEMORY LIMN_VIRTUAL_GPU_COUNT
export LIMN_CACHE="$folder/plans" LIMN_VIRTUAL_GPU_LEAKS=1

# 24 pictures of 16x16: IDX's header, then printable bytes.
{
  printf '\000\000\010\003\000\000\000\030\000\000\000\020\000\000\000\020'
  awk 'BEGIN { for (i = 0; i < 24 * 256; ++i) printf "%c", 33 + (7 * i + 13 * int(i / 256)) % 90 }'
} >"$folder/pictures.idx"

# run OUT [ARGUMENTS...]: trains; standard error goes to $folder/said; returns the exit code.
run() {
  out="$1"
  shift
  timeout -k 5 300 "$program" train dcgan --data "$folder/pictures.idx" --size 16 --channels 1 --filters 4 --latent 8 --batch 4 \
    --steps 6 --set checkpoint_every=3 --set sample_every=3 --deterministic --device cuda --precision "$precision" -v \
    --out "$out" "$@" >"$folder/printed" 2>"$folder/said"
}

faults=0 failed=0 bad=''
wrong() { bad="${bad:+$bad; }$1"; }
# verdict NAME: counts the fault, and tells what was wrong about it.
verdict() {
  faults=$((faults + 1))
  ! $verbose || echo "$1: exit code $code, $(sed -n 's/^limn: //p' "$folder/said")"
  [ -n "$bad" ] || return 0
  failed=$((failed + 1))
  echo "FAILED $1: $bad"
  sed 's/^/  | /' "$folder/said"
  bad=''
}

# Whatever the run says that it has saved opens and is byte for byte what the undisturbed run saved, unless another engine made it.
check_checkpoints() { # OUT CODE-KIND
  for step in 000003 000006; do
    ! grep -q "^checkpoint: .*/$step.safetensors\$" "$folder/said" || [ -f "$1/checkpoints/$step.safetensors" ] ||
      wrong "the checkpoint of step $step was announced and is gone"
  done
  [ ! -d "$1/checkpoints" ] || for file in "$1"/checkpoints/*; do
    if [ -L "$file" ] && [ ! -e "$file" ]; then
      wrong "${file##*/} points to nothing"
    elif [ -f "$file" ]; then
      "$program" inspect "$file" >"$folder/printed" 2>&1 || wrong "${file##*/} does not open"
      [ "$2" = 0-plan ] || [ -L "$file" ] || cmp -s "$file" "$folder/whole/checkpoints/${file##*/}" ||
        wrong "${file##*/} is not that of the undisturbed run"
    fi
  done
}

# check KIND N: after a run with that fault, whose exit code is $code.
check() {
  reached="$(sed -n "s/^$1 //p" "$folder/counts")"
  case "$code" in
  4)
    [ "$(grep -c '^limn: ' "$folder/said")" -eq 1 ] || wrong "not exactly one line of error"
    grep -q "^limn: .*\(GPU\|cuda:[0-9]\|CUDA\|cuDNN\|cuBLAS\).*$(what "$1")" "$folder/said" ||
      wrong "the line does not say what failed"
    ;;
  0)
    if [ "${reached:-0}" -lt "$2" ]; then # how often a run reads its measures is the clock's affair
      unreached=$((unreached + 1))
    elif [ "$1" = sync ]; then # on the way out, when everything is saved; a wait before that is missed by what comes after it
      cmp -s "$folder/run/checkpoints/000006.safetensors" "$folder/whole/checkpoints/000006.safetensors" ||
        wrong "the run went on and came to something else"
    elif grep -q '^a step is launched kernel by kernel, which is slower: .*'"$(what "$1")" "$folder/said"; then
      : # what fails while a graph is captured is done without one
    elif [ "$1" != plan ]; then
      wrong "the run went on"
    fi
    grep -q '^done: step 6' "$folder/said" || wrong "it did not finish"
    ! grep -q '^limn: ' "$folder/said" || wrong "an error and exit code 0"
    ;;
  *) wrong "exit code $code" ;;
  esac
  ! grep -q '^virtual gpu: ' "$folder/said" || wrong "the virtual GPU has found a mistake"
  check_checkpoints "$folder/run" "$code-$1"
}

# What the error of a kind has to name.
what() {
  case "$1" in
  malloc | host) echo 'memory' ;;
  sync) echo 'a kernel failed' ;;
  plan) echo 'has no engine\|could not' ;;
  *) echo 'fail\|could not' ;;
  esac
}

fault() { # KIND N or KIND N-M
  code=0
  rm -rf "$folder/run" "$folder/counts"
  LIMN_VIRTUAL_GPU_FAIL="$1:$2" LIMN_VIRTUAL_GPU_COUNT="$folder/counts" run "$folder/run" || code=$?
  check "$1" "${2%%-*}"
  verdict "$1:$2"
}

# ---- undisturbed; twice, as the first one plans ----

for count in first second; do
  rm -rf "$folder/whole"
  LIMN_VIRTUAL_GPU_COUNT="$folder/all" run "$folder/whole" || {
    echo "faults.sh: the $count run without a fault failed with $?:" >&2
    cat "$folder/said" >&2
    exit 1
  }
done

# ---- every kind ----

unreached=0
while read -r kind calls; do
  [ "$calls" -gt 0 ] || echo "FAILED $kind: no such call is made" >&3
done <"$folder/all" 3>"$folder/unused"
if [ -s "$folder/unused" ]; then
  cat "$folder/unused"
  failed=$((failed + 1))
fi
awk -v sample="$sample" -v seed="$seed" '
  { name[++kinds] = $1; calls[kinds] = $2 }
  END {
    srand(seed)
    for (k = 1; k <= kinds; ++k) {
      wanted = sample > 0 ? int((sample + kinds - k) / kinds) : calls[k]
      for (n = 1; n <= calls[k]; ++n) {
        left = calls[k] - n + 1
        if (wanted <= 0 || (n > 1 && n < calls[k] && rand() * (left - 1) >= wanted - 1)) continue
        print name[k], n
        --wanted
      }
    }
  }' "$folder/all" >"$folder/list"
while read -r kind n; do
  fault "$kind" "$n"
done <"$folder/list"

# ---- plans that cannot be made without a file to read them from either ----

plans="$(sed -n 's/^plan //p' "$folder/all")"
for n in 1 "$plans"; do
  cached="$LIMN_CACHE" LIMN_CACHE="$folder/none-$n"
  fault plan "$n"
  LIMN_CACHE="$cached"
done
# The first engines refuse, and others are taken; all do.
for n in 1-2 1-30 1-99999; do
  cached="$LIMN_CACHE" LIMN_CACHE="$folder/none-$n" ends=0
  [ "$n" != 1-99999 ] || ends=4
  fault plan "$n"
  [ "$n" = 1-30 ] || [ "$code" -eq "$ends" ] || {
    echo "FAILED plan:$n: exit code $code, not $ends"
    failed=$((failed + 1))
  }
  LIMN_CACHE="$cached"
done

# ---- too little memory ----

for bytes in 1000 40000 200000 600000; do
  code=0
  rm -rf "$folder/run"
  LIMN_VIRTUAL_GPU_MEMORY=$bytes run "$folder/run" || code=$?
  [ "$code" -eq 4 ] || wrong "exit code $code"
  [ "$(grep -c '^limn: ' "$folder/said")" -eq 1 ] || wrong "not exactly one line of error"
  grep -q '^limn: .* has no [0-9.]* [kMG]B of memory.*--batch' "$folder/said" || wrong "no figure"
  verdict "a GPU of $bytes bytes"
done

# ---- what was saved goes on ----

code=0
rm -rf "$folder/run"
LIMN_VIRTUAL_GPU_FAIL="graph:$(sed -n 's/^graph //p' "$folder/all")" run "$folder/run" || code=$?
[ "$code" -eq 4 ] || wrong "exit code $code"
timeout -k 5 300 "$program" train --resume "$folder/run" >"$folder/printed" 2>"$folder/said" || wrong "the run does not go on"
cmp -s "$folder/run/checkpoints/000006.safetensors" "$folder/whole/checkpoints/000006.safetensors" ||
  wrong "what it came to is not what the undisturbed run came to"
verdict "resuming"

echo "$faults faults, $failed failed, $unreached not reached ($precision)"
[ "$failed" -eq 0 ]
