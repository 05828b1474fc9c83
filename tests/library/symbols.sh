#!/bin/sh
# What the libraries show and need: symbols.sh ROOT SHARED ARCHIVE. The shared library exports what the installed headers mark
# with LIMN_API, versioned, and nothing else; the archive has no name outside limn_; and nothing in either prints, ends the
# process or touches signal handlers: such functions are not even referred to.
set -eu
root="$1"
shared="$2"
archive="$3"
failures=0
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

complain() {
  echo "$1:" >&2
  sed 's/^/  /' "$2" >&2
  failures=1
}

for header in "$root"/include/limn/*.h; do
  [ "${header##*/}" = tools.h ] || tr '\n' ' ' <"$header" | grep -oE 'LIMN_API [^;(]*\(' | grep -oE 'limn_[a-z0-9_]+\($' | tr -d '('
done | sort -u >"$work/declared"
[ -s "$work/declared" ] || { echo "no LIMN_API function in $root/include/limn: this test reads them wrongly" >&2; exit 1; }
nm -D --defined-only "$shared" | awk '$2 != "A" { print $3 }' | sort -u >"$work/exported"
grep -v '@@LIMN_0\.1$' "$work/exported" >"$work/unversioned" && complain "exported without the version LIMN_0.1" "$work/unversioned"
sed 's/@.*//' "$work/exported" >"$work/names"
comm -23 "$work/declared" "$work/names" >"$work/found"
[ ! -s "$work/found" ] || complain "declared in the installed headers but not exported" "$work/found"
comm -13 "$work/declared" "$work/names" >"$work/found"
[ ! -s "$work/found" ] || complain "exported but in no installed header" "$work/found"

nm -g --defined-only "$archive" | awk 'NF == 3 && $3 !~ /^limn_/ { print $3 }' >"$work/found"
[ ! -s "$work/found" ] || complain "global in the archive without limn_ before it" "$work/found"

# snprintf and the like write to memory; fwrite and fputc need a stream, and the standard ones are on this list.
nm -u "$archive" "$shared" | awk '{ sub(/@.*/, "", $NF); print $NF }' | sort -u |
  grep -xE 'stdin|stdout|stderr|_IO_2_1_std.*|(__)?v?printf(_chk)?|v?dprintf|puts|putchar|putc_unlocked|perror|psignal|p?warnx?|v?errx?|syslog|exit|_exit|_Exit|quick_exit|abort|atexit|on_exit|__assert_fail|__assert_perror_fail|signal|sigaction|sigset|bsd_signal|sysv_signal|raise|kill|pthread_kill|sigprocmask|setitimer|alarm|system|popen|setlocale|setenv|putenv|unsetenv|umask|chdir|srand|rand|strtok' \
    >"$work/found" && complain "called by the library, which must not print, end the process or change its state" "$work/found"
exit "$failures"
