#!/bin/sh
# Shows that scripts/plans notices what it should, with a limn that only seems to plan: grid_can_fail.sh ROOT.
set -eu
root="$1"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/scripts" "$work/build/tests/plans"
cp "$root/scripts/plans" "$work/scripts/plans"

# The arguments: plan MODEL --size S --channels C --precision P --device-spec CARD --no-largest --all [--set NAME=VALUE]...,
# of a dcgan --batch 128 --set ema=0 in front of the last.
cat >"$work/build/limn" <<'END'
#!/bin/sh
setting="${14:-}"
[ "$2" != dcgan ] || setting="${18:-}"
step="$2${setting:++$setting} $4 $8 ${10}"
[ "$step" != "$FAILS" ] || { echo "limn: no engine" >&2; exit 4; }
echo "kernel                        makes  launches  engine"
echo "dense                16 x 8 x 1 x 1         1  cuBLAS"
echo "bias and activation  16 x 8 x 1 x 1         1"
echo "convolution          16 x 4 x 8 x 8         1  eng1"
[ "$step" != "$UNFUSED" ] || echo "bias and activation  16 x 4 x 8 x 8         1"
[ "$step" != "$HALF" ] || echo "convolution backward weights in 16 bits  4 x 3 x 4 x 4  1  eng2"
[ "$step" != "$INTERPRETED" ] || echo "pointwise            16 x 4 x 8 x 8         -  1.20  -  1  interpreted"
echo
echo "device  CUDA, ${10} (not here), $8, cuDNN $CUDNN"
echo "moves   $MOVES, 1.1 times the least"
echo "a step  16 images of $6 x $4 x $4, 1$LAUNCHES launches"
[ -z "$NOTE" ] || echo "note    $NOTE"
END
cat >"$work/build/tests/plans/plan_tests" <<'END'
#!/bin/sh
echo "$CONVOLUTIONS"
test -z "$CONVOLUTIONS"
END
chmod +x "$work/build/limn" "$work/build/tests/plans/plan_tests"
export FAILS='' UNFUSED='' HALF='' CUDNN=9.19.0 LAUNCHES=10 NOTE='' CONVOLUTIONS='' INTERPRETED='' MOVES='1.1 GB'

# expect STATUS PIECE [arguments]: that exit code, and the piece in what is printed.
expect() {
  status=0
  wanted="$1" piece="$2"
  shift 2
  "$work/scripts/plans" --build "$work/build" --jobs 2 "$@" >"$work/printed" 2>&1 || status=$?
  if [ "$status" != "$wanted" ] || ! grep -qF -- "$piece" "$work/printed"; then
    echo "scripts/plans $*: exit code $status for $wanted, and no \"$piece\" in:"
    cat "$work/printed"
    exit 1
  fi
}

expect 0 "not compared: cuDNN is 9.19.0, and docs/results has tables of: none"
UNFUSED='dcgan 64 bf16 h100' expect 0 "planned 64 steps with 64 convolutions; 1 are unfused, 0 make" --update
table="$work/docs/results/plans-cudnn-9.19.txt"
grep -qx 'dcgan 64 bf16 h100  110 launches; 1 x unfused convolution 16x4x8x8' "$table"
grep -qx 'dcgan 64 bf16 rtx3090,rtx5090  110 launches' "$table"
export UNFUSED='dcgan 64 bf16 h100'
expect 0 "no step differs"
expect 0 "no step differs" --all
FAILS='r3gan+filters=16 28 bf16 h100' expect 1 "r3gan+filters=16 28 bf16 h100: exit code 4" --ci
LAUNCHES=11 expect 1 "> r3gan+filters=16 28 bf16 h100  111 launches" --ci
LAUNCHES=11 expect 1 "> vae 64 fp16 h100  111 launches"
UNFUSED='' expect 1 "< dcgan 64 bf16 h100  110 launches; 1 x unfused convolution 16x4x8x8"
HALF='vae 128 fp32 rtx5090' expect 1 "> vae 128 fp32 rtx5090  110 launches; 1 x 16-bit backward weights 4x3x4x4"
HALF='vae 96 fp32 h100' expect 0 "no step differs" # not of the sample
HALF='vae 96 fp32 h100' expect 1 "> vae 96 fp32 h100  110" --all
FAILS='dcgan 28 bf16 h100' expect 1 "dcgan 28 bf16 h100: exit code 4: limn: no engine"
NOTE='no NVIDIA driver' expect 1 "no NVIDIA driver"
INTERPRETED='dcgan 28 bf16 h100' expect 1 "  pointwise, 16 x 4 x 8 x 8, in dcgan-28-bf16-h100"
INTERPRETED='dcgan 28 bf16 h100' MOVES='900 MB' expect 1 "have no form of their own"
INTERPRETED='dcgan 28 bf16 h100' MOVES='1.3 GB' expect 0 "no step differs"
CUDNN='' expect 1 "which cuDNN"
CONVOLUTIONS='h100 FAIL' expect 1 "h100 FAIL" --all
CUDNN=9.20.1 LAUNCHES=11 expect 0 "not compared: cuDNN is 9.20.1, and docs/results has tables of: 9.19.0"
CUDNN=9.20.1 FAILS='vae 64 bf16 h100' expect 1 "1 of 35 steps could not be planned"
sed -i '/^vae 64 tf32 h100/d; s/^\(vae 64 tf32 \)h100,/\1/' "$table"
expect 1 "> vae 64 tf32 h100"
expect 2 "usage: scripts/plans" --update --jobs 0
sed -i 's/vae:fp32"$/vae:tf32"/' "$work/scripts/plans"
expect 1 "of the 65 pairs of card, precision and size"
