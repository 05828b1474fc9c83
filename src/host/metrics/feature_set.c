#include "metrics/feature_set.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/error.h"

#define EXPONENT 0x7f800000u /* all ones in infinities and NaNs alone */

const char *limn_feature_set_name(const limn_feature_set *set) { return set->name ? set->name : "features"; }

/* Without a branch in the loop, which vectors then do: sets have a hundred million numbers. */
static bool is_finite(const float *row, int width) {
  uint32_t broken = 0;
  for (int i = 0; i < width; ++i) {
    uint32_t bits;
    memcpy(&bits, &row[i], sizeof bits);
    broken |= (bits & EXPONENT) == EXPONENT;
  }
  return !broken;
}

limn_status limn_feature_set_check(const limn_feature_set *set, uint32_t least) {
  if (set->width < 1)
    return limn_fail(LIMN_DATA, "%s: a row of features has %d numbers; at least 1 is needed",
                     limn_feature_set_name(set), set->width);
  if (set->count < least)
    return limn_fail(LIMN_DATA, "%s: %u pictures are too few for this measure; it takes at least %u",
                     limn_feature_set_name(set), set->count, least);
  for (uint32_t i = 0; i < set->count; ++i)
    if (!is_finite(limn_feature_row(set, i), set->width))
      return limn_fail(LIMN_DATA,
                       "%s: the features of picture %u are not finite; leave it out, or look at what made it",
                       limn_feature_set_name(set), i);
  return LIMN_OK;
}

limn_status limn_feature_sets_check(const limn_feature_set *a, const limn_feature_set *b, uint32_t least) {
  if (a->width != b->width)
    return limn_fail(LIMN_DATA, "%s have %d numbers a picture and %s %d: take both from the same layer of one network",
                     limn_feature_set_name(a), a->width, limn_feature_set_name(b), b->width);
  LIMN_TRY(limn_feature_set_check(a, least));
  return limn_feature_set_check(b, least);
}
