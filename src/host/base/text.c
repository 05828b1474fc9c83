#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "limn/config.h"

#define WORD_LIMIT 64

static char folded(char c) { return c == '-' ? '_' : (char)tolower((unsigned char)c); }

static size_t min_size(size_t a, size_t b) { return a < b ? a : b; }

size_t limn_text_distance(const char *a, const char *b) {
  size_t a_length = strlen(a), b_length = strlen(b);
  if (a_length >= WORD_LIMIT || b_length >= WORD_LIMIT)
    return SIZE_MAX;
  size_t rows[3][WORD_LIMIT]; /* the distances of a's last two prefixes and of this one to every prefix of b */
  size_t *before = rows[0], *above = rows[1], *row = rows[2];
  for (size_t j = 0; j <= b_length; ++j)
    above[j] = before[j] = j;
  for (size_t i = 1; i <= a_length; ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b_length; ++j) {
      bool same = folded(a[i - 1]) == folded(b[j - 1]);
      row[j] = min_size(min_size(above[j], row[j - 1]) + 1, above[j - 1] + !same);
      if (i > 1 && j > 1 && folded(a[i - 1]) == folded(b[j - 2]) && folded(a[i - 2]) == folded(b[j - 1]))
        row[j] = min_size(row[j], before[j - 2] + 1);
    }
    size_t *oldest = before;
    before = above;
    above = row;
    row = oldest;
  }
  return above[b_length];
}

static bool is_prefix(const char *prefix, const char *word) {
  for (; *prefix; ++prefix, ++word)
    if (folded(*prefix) != folded(*word))
      return false;
  return true;
}

const char *limn_nearest(const char *word, const char *const *candidates, size_t count) {
  size_t length = strlen(word), best_distance = SIZE_MAX;
  const char *best = NULL;
  for (size_t i = 0; i < count; ++i) {
    size_t distance = limn_text_distance(word, candidates[i]);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidates[i];
    }
  }
  /* A third of a word may be wrong; of a two-letter word one letter, but never all of it. */
  if (best && best_distance <= (length + 2) / 3 && best_distance < strlen(best) && best_distance < length)
    return best;
  for (size_t i = 0; length >= 3 && i < count; ++i) /* "checkpoint" for "checkpoint_every" */
    if (is_prefix(word, candidates[i]))
      return candidates[i];
  return NULL;
}

/* glibc hands out a static object for "C": nothing is allocated, and freelocale leaves it alone. */
static locale_t enter_c_locale(locale_t *before) {
  locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  *before = c_locale ? uselocale(c_locale) : (locale_t)0;
  return c_locale;
}

static void leave_c_locale(locale_t c_locale, locale_t before) {
  if (!c_locale)
    return;
  uselocale(before);
  freelocale(c_locale);
}

bool limn_text_to_double(const char *text, double *out) {
  if (!*text || text[strspn(text, "0123456789+-.eE")])
    return false;
  locale_t before, c_locale = enter_c_locale(&before);
  char *end;
  double value = strtod(text, &end);
  leave_c_locale(c_locale, before);
  if (*end || end == text || !isfinite(value))
    return false;
  *out = value;
  return true;
}

bool limn_text_to_int64(const char *text, int64_t *out) {
  size_t sign = *text == '-' || *text == '+';
  if (!text[sign] || text[sign + strspn(text + sign, "0123456789")])
    return false;
  errno = 0;
  long long value = strtoll(text, NULL, 10);
  if (errno)
    return false;
  *out = value;
  return true;
}

bool limn_text_to_uint64(const char *text, uint64_t *out) {
  if (!*text || text[strspn(text, "0123456789")])
    return false;
  errno = 0;
  unsigned long long value = strtoull(text, NULL, 10);
  if (errno)
    return false;
  *out = value;
  return true;
}

const char *limn_text_from_double(double value, int digits, char *buffer, size_t size) {
  char text[40];
  locale_t before, c_locale = enter_c_locale(&before);
  for (int d = digits ? digits : 15;; ++d) {
    snprintf(text, sizeof text - 2, "%.*g", d, value);
    if (digits || d == 17 || strtod(text, NULL) == value)
      break;
  }
  leave_c_locale(c_locale, before);
  char *exponent = strchr(text, 'e');
  if (!digits && exponent && !strchr(text, '.')) {
    memmove(exponent + 2, exponent, strlen(exponent) + 1);
    memcpy(exponent, ".0", 2);
  }
  snprintf(buffer, size, "%s", text);
  return buffer;
}

/* Length of the sequence at `s`, 0 when it is none. */
static size_t utf8_sequence(const unsigned char *s) {
  unsigned char lead = s[0];
  if (lead < 0x80)
    return 1;
  size_t length = lead >= 0xC2 && lead <= 0xDF   ? 2
                  : lead >= 0xE0 && lead <= 0xEF ? 3
                  : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                 : 0;
  for (size_t i = 1; i < length; ++i)
    if ((s[i] & 0xC0) != 0x80)
      return 0;
  if ((lead == 0xE0 && s[1] < 0xA0) || (lead == 0xED && s[1] > 0x9F) || (lead == 0xF0 && s[1] < 0x90) ||
      (lead == 0xF4 && s[1] > 0x8F))
    return 0;
  return length;
}

bool limn_text_is_utf8(const char *text) {
  for (const unsigned char *s = (const unsigned char *)text; *s;) {
    size_t length = utf8_sequence(s);
    if (!length)
      return false;
    s += length;
  }
  return true;
}

const char *limn_text_printable(const char *text, char *buffer, size_t size) {
  size_t used = 0;
  for (const unsigned char *s = (const unsigned char *)text; *s;) {
    char shown[8];
    size_t length = utf8_sequence(s);
    bool control = s[0] < 0x20 || s[0] == 0x7f || (s[0] == 0xc2 && s[1] < 0xa0); /* C0, DEL, C1 */
    if (length == 0 || control) {
      snprintf(shown, sizeof shown, "\\x%02x", s[0]);
      ++s;
    } else {
      memcpy(shown, s, length);
      shown[length] = '\0';
      s += length;
    }
    size_t added = strlen(shown);
    if (used + added >= size)
      break;
    memcpy(buffer + used, shown, added);
    used += added;
  }
  buffer[used] = '\0';
  return buffer;
}
