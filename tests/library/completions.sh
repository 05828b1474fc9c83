#!/usr/bin/env bash
# The completions: completions.sh LIMN. bash runs its own and is asked what it completes; zsh and fish, where they are, check
# the grammar of theirs.
set -euo pipefail
limn="$1"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
failures=0

"$limn" completions bash >"$work/limn.bash"
# shellcheck disable=SC2317 # called by what is sourced next
compopt() { :; } # bash has it only while it completes
# shellcheck disable=SC1091 # made just now
source "$work/limn.bash"

# Completes the last of the words.
complete_words() {
  COMP_WORDS=("$@")
  COMP_CWORD=$(($# - 1))
  COMPREPLY=()
  _limn limn "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
}

# expect "WORDS" REPLY...: these and no others, in any order; the word to be completed is empty where WORDS end in a space.
expect() {
  local -a words
  read -r -a words <<<"$1"
  [[ "$1" != *" " ]] || words+=("")
  complete_words "${words[@]}"
  shift
  local got wanted
  got="$(printf '%s\n' "${COMPREPLY[@]}" | sed 's/ *$//' | sort)"
  wanted="$(printf '%s\n' "$@" | sort)"
  if [[ "$got" != "$wanted" ]]; then
    echo "completions: ${words[*]}: $(tr '\n' ' ' <<<"$got") and not $(tr '\n' ' ' <<<"$wanted")" >&2
    failures=1
  fi
}

cd "$work"
touch picture.png
mkdir run
expect "limn tr" train
expect "limn --v" --version
expect "limn help exp" export
# shellcheck disable=SC2046 # a word a model
expect "limn train " $("$limn" train --help | sed -n '/^Models/,/^$/s/^      \([a-z0-9]*\).*/\1/p')
expect "limn train d" dcgan
expect "limn train dcgan --precision " auto fp32 tf32 bf16 fp16
expect "limn train dcgan --precision f" fp32 fp16
expect "limn train dcgan --device c" cpu cuda
expect "limn train dcgan --data r" run
expect "limn train dcgan --steps " ""
expect "limn train dcgan --res" --resume
expect "limn train vae --set likelih" likelihood=
expect "limn sample p" picture.png
expect "limn sample run -o pic" picture.png
expect "limn export run --network e" ema encoder
expect "limn bench o" ops
expect "limn doctor " ""
expect "limn doctor --" --card --json --help

# What --help lists is what is completed.
commands=$("$limn" --help | awk '/^  [a-z]/ { print $1 }')
for command in $commands; do
  listed="$("$limn" "$command" --help | sed -n 's/^ \{2,6\}\(-[a-z], \)\{0,1\}\(--[a-z0-9_-]*\)\( .*\)\{0,1\}$/\2/p' | sort -u)"
  complete_words limn "$command" --
  missing="$(comm -23 <(echo "$listed") <(printf '%s\n' "${COMPREPLY[@]}" | sed 's/ *$//' | sort))"
  if [[ -z "$listed" || -n "$missing" ]]; then
    echo "completions: limn $command --: lacks ${missing:-everything}" >&2
    failures=1
  fi
done

for shell in zsh fish; do
  "$limn" completions "$shell" >"$work/script"
  if command -v "$shell" >/dev/null && ! "$shell" -n "$work/script"; then
    echo "completions: $shell refuses its script" >&2
    failures=1
  fi
  for command in $commands; do
    grep -q "$command" "$work/script" || { echo "completions: $shell's script lacks $command" >&2; failures=1; }
  done
done
exit "$failures"
