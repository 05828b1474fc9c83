/* The mean and covariance of a set's features, taken block by block in double precision, so that the features need not
 * all be there at once. */
#ifndef LIMN_METRICS_MOMENTS_H
#define LIMN_METRICS_MOMENTS_H

#include <stdint.h>

#include "metrics/feature_set.h"
#include "metrics/linear_algebra.h"

typedef struct limn_moments {
  int width;
  uint64_t count;
  double *mean;           /* (width) */
  double *covariance;     /* (width, width), with count - 1 */
  double *centre, *block; /* of the rows that are being added */
} limn_moments;

/* Zeros, to be added to; or to be filled with the mean, covariance and count that somebody else has found. */
limn_status limn_moments_init(limn_moments *moments, int width);
void limn_moments_release(limn_moments *moments); /* also of one that is all zeros */

/* Adds a set's rows; each as many times as weights says, (set->count), where that is not NULL. LIMN_DATA for another
 * width and for numbers that are not finite, of which nothing is added. */
limn_status limn_moments_add(limn_moments *moments, const limn_linear_algebra *algebra, const limn_feature_set *set,
                             const uint32_t *weights);

/* After the last row: makes mean and covariance of the sums. LIMN_DATA with fewer than 2 rows. */
limn_status limn_moments_finish(limn_moments *moments);

/* Those of one set; *out is yours to release. */
limn_status limn_moments_of(limn_moments *out, const limn_linear_algebra *algebra, const limn_feature_set *set);

#endif
