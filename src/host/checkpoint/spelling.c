#include "checkpoint/spelling.h"

#include <stdio.h>
#include <string.h>

enum { HOOKED, PARAMETRIZED };
static const char *const spellings[][2] = {
    {"weight_orig", "parametrizations.weight.original"},
    {"weight_u", "parametrizations.weight.0._u"},
    {"weight_v", "parametrizations.weight.0._v"},
};

/* The length of what stands before the ending; -1: it has another. */
static int length_before(const char *name, const char *ending) {
  const size_t all = strlen(name), end = strlen(ending);
  if (all < end || strcmp(name + all - end, ending) != 0 || (all > end && name[all - end - 1] != '.'))
    return -1;
  return (int)(all - end);
}

static const char *respell(const char *name, int from, int to, char *buffer, size_t size) {
  for (size_t i = 0; i < sizeof spellings / sizeof *spellings; ++i) {
    const int before = length_before(name, spellings[i][from]);
    if (before >= 0) {
      snprintf(buffer, size, "%.*s%s", before, name, spellings[i][to]);
      return buffer;
    }
  }
  return name;
}

const char *limn_spelling_parametrized(const char *name, char *buffer, size_t size) {
  return respell(name, HOOKED, PARAMETRIZED, buffer, size);
}

const char *limn_spelling_hooked(const char *name, char *buffer, size_t size) {
  return respell(name, PARAMETRIZED, HOOKED, buffer, size);
}
