#!/bin/sh
# A card's file, written where the card is, gives the plans that the card's own machine would make: a training run leaves
# its plans in the cache, and `limn plan` for the file adds none. carried_plans.sh LIMN, on the virtual GPU.
set -eu
limn="$1"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
export LIMN_CACHE="$work/cache" OMP_WAIT_POLICY=passive
{
  printf '\000\000\010\003\000\000\000\010\000\000\000\020\000\000\000\020' # 8 pictures of 16 x 16, black
  head -c 2048 /dev/zero
} >"$work/pictures.idx"

# As in another slot: it is the same card.
"$limn" doctor --card cuda | sed 's/"\(pci\|cuda\)DeviceId": 0/"\1DeviceId": 3/' >"$work/card.json"
grep -q '"pciDeviceId": 3' "$work/card.json"
settings="--size 16 --channels 1 --filters 4 --latent 8 --batch 4 --precision bf16"
# shellcheck disable=SC2086 # words
"$limn" train dcgan --data "$work/pictures.idx" $settings --device cuda --steps 1 --out "$work/run" -q
ls "$LIMN_CACHE" >"$work/own"
# shellcheck disable=SC2086
"$limn" plan dcgan $settings --device-spec "$work/card.json" --no-largest >"$work/plan"
ls "$LIMN_CACHE" >"$work/both"
[ -s "$work/own" ] || { echo "the run left no plans" && exit 1; }
diff "$work/own" "$work/both" || { echo "the card's file gives other plans than the card" && exit 1; }

# The plan of another card is another.
sed 's/"multiProcessorCount": [0-9]*/"multiProcessorCount": 7/' "$work/card.json" >"$work/other.json"
# shellcheck disable=SC2086
"$limn" plan dcgan $settings --device-spec "$work/other.json" --no-largest >"$work/plan"
ls "$LIMN_CACHE" >"$work/others"
! diff "$work/own" "$work/others" >/dev/null || { echo "another card has the same plans: this test sees nothing" && exit 1; }

# A card of which Limn does not know how fast it is: its file, and what is to be put in.
sed -n '/"properties"/,/^  }/p' "$work/card.json" | sed '1s/.*/{/; $s/,$//; s/"deviceVer": 900/"deviceVer": 1210/' >"$work/unknown.json"
code=0
LIMN_VIRTUAL_GPU_CARD="$work/unknown.json" "$limn" doctor --card cuda >"$work/unknown" 2>"$work/said" || code=$?
if [ "$code" -ne 3 ] || ! grep -q '"half": 0.0' "$work/unknown" || ! grep -q 'put in what is 0' "$work/said"; then
  echo "a card of unknown speed: exit code $code" && cat "$work/said" && exit 1
fi
echo "$(wc -l <"$work/own") plans, the same by the card and by its file"
