#!/bin/sh
# Holds src/host/image/heif_functions.h, which we wrote, to libheif's own header: declared again with another type, a function
# does not compile, and values and layouts are compared.
# heif.sh ROOT CC
set -eu
printf '%s\n' '#include <libheif/heif.h>' '#include "image/heif_functions.h"' |
  "$2" -std=c11 -Wall -Werror -fsyntax-only -I "$1/src/host" -x c -
cat >"${TMPDIR:-/tmp}/limn-heif-$$.c" <<END
#ifdef OURS
#include "image/heif_functions.h"
#else
#include <libheif/heif.h>
#endif
#include <stdio.h>
int main(void) {
  printf("%d %d %d %d %d %d %zu %zu %zu\n", heif_error_Ok, heif_error_Memory_allocation_error, heif_colorspace_RGB,
         heif_chroma_interleaved_RGB, heif_chroma_interleaved_RGBA, heif_channel_interleaved, sizeof(struct heif_error),
         offsetof(struct heif_error, code), offsetof(struct heif_error, message));
  return 0;
}
END
work="${TMPDIR:-/tmp}/limn-heif-$$"
trap 'rm -f "$work" "$work.c" "$work.ours" "$work.theirs"' EXIT
for side in OURS THEIRS; do
  "$2" -std=c11 "-D$side" -include stddef.h -I "$1/src/host" "$work.c" -o "$work"
  "$work" >"$work.$(echo "$side" | tr A-Z a-z)"
done
diff "$work.ours" "$work.theirs"
