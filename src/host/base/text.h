/* Numbers and words as text, whatever the locale of the host program is. */
#ifndef LIMN_BASE_TEXT_H
#define LIMN_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many insertions, deletions, replacements and swaps of neighbours turn one word into the other. Case and the
 * difference between '-' and '_' count for nothing. Words over 63 characters are taken as SIZE_MAX apart. */
size_t limn_text_distance(const char *a, const char *b);

/* A whole, finite decimal number: "2e-4", "-1.5". false for anything else ("", "nan", "0x10", " 1", "1 "). */
bool limn_text_to_double(const char *text, double *out);
bool limn_text_to_int64(const char *text, int64_t *out);
bool limn_text_to_uint64(const char *text, uint64_t *out);

/* `digits` significant digits (%.9g); 0: as few as read back as the same value, with a point before an exponent
 * ("1.0e-08"), because YAML 1.1 takes 1e-08 for a word. `value` is finite. Does not allocate. Returns `buffer`. */
const char *limn_text_from_double(double value, int digits, char *buffer, size_t size);

/* Well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates). */
bool limn_text_is_utf8(const char *text);

/* `text` fit to be shown: what is not UTF-8, and control characters, as \xNN; what does not fit is cut off between
 * characters. Returns `buffer`. */
const char *limn_text_printable(const char *text, char *buffer, size_t size);

#endif
