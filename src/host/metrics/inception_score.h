/* The Inception score (Salimans et al. 2016): how sure a classifier is of each picture, and how many classes it sees.
 */
#ifndef LIMN_METRICS_INCEPTION_SCORE_H
#define LIMN_METRICS_INCEPTION_SCORE_H

#include <stdbool.h>

#include "metrics/feature_set.h"

typedef struct limn_inception_score_options {
  uint32_t splits; /* 10: parts of the set, each with a score */
  bool shuffle;    /* by the seed (docs/randomness.md); else the parts are in order */
  uint64_t seed;
} limn_inception_score_options;

typedef struct limn_inception_score {
  double mean, deviation; /* over the splits, by their number */
} limn_inception_score;

/* exp of the mean divergence of p(class | picture) from the split's mean of it. logits: a class a column, before the
 * softmax; FID's Inception without its bias. LIMN_DATA with fewer pictures than splits. */
limn_status limn_inception_score_of(limn_inception_score *out, const limn_feature_set *logits,
                                    const limn_inception_score_options *options);

#endif
