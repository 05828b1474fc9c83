/* Which C a linear model wants: the one that names the classes of held-out pictures best. */
#ifndef LIMN_METRICS_CROSS_VALIDATION_H
#define LIMN_METRICS_CROSS_VALIDATION_H

#include "metrics/linear_model.h"

typedef struct limn_cross_validation_options {
  const double *c; /* (count): ascending; borrowed */
  int count;
  int folds;               /* 5: at least 2. Each class is spread over them evenly */
  uint32_t most;           /* pictures, chosen by the seed, where there are more; 0: all */
  uint64_t seed;           /* docs/randomness.md */
  limn_linear_options fit; /* its c counts for nothing */
} limn_cross_validation_options;

/* accuracies: (options->count): of each C the share of the pictures whose class is named by the model that was fitted
 * to the other folds, standardised by these. *best: the first C with the best. LIMN_DATA where the other folds of one
 * have but a single class. */
limn_status limn_cross_validate(double *best, double *accuracies, const limn_linear_algebra *algebra,
                                const limn_labelled_set *data, const limn_cross_validation_options *options);

#endif
