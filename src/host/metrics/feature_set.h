/* Features of a set of pictures: what the measures are taken from. */
#ifndef LIMN_METRICS_FEATURE_SET_H
#define LIMN_METRICS_FEATURE_SET_H

#include <stddef.h>
#include <stdint.h>

#include "limn/status.h"

typedef struct limn_feature_set {
  const float *rows; /* (count, width), dense; a row a picture; borrowed */
  uint32_t count;
  int width;
  const char *name; /* for messages: "generated pictures"; NULL: "features" */
} limn_feature_set;

/* The set's name for messages. */
const char *limn_feature_set_name(const limn_feature_set *set);

static inline const float *limn_feature_row(const limn_feature_set *set, uint32_t i) {
  return set->rows + (size_t)i * (size_t)set->width;
}

/* LIMN_DATA, naming the set and the row, unless there are at least `least` rows and every number is finite. */
limn_status limn_feature_set_check(const limn_feature_set *set, uint32_t least);

/* The same of both, and that they are equally wide. */
limn_status limn_feature_sets_check(const limn_feature_set *a, const limn_feature_set *b, uint32_t least);

#endif
