/* The kernel distance between two sets of features (Binkowski et al. 2018): KID, when they are Inception's 2048. */
#ifndef LIMN_METRICS_KERNEL_DISTANCE_H
#define LIMN_METRICS_KERNEL_DISTANCE_H

#include "metrics/feature_set.h"
#include "metrics/linear_algebra.h"

typedef struct limn_kernel_distance_options {
  uint32_t subsets;     /* 100: at least 1 */
  uint32_t subset_size; /* 1000: pictures of each set, without replacement; at least 2 */
  uint64_t seed;        /* which; docs/randomness.md */
} limn_kernel_distance_options;

typedef struct limn_kernel_distance {
  double mean, deviation; /* over the subsets, by their number */
} limn_kernel_distance;

/* Of each pair of subsets the unbiased estimate of MMD^2 with the kernel (x.y / width + 1)^3, in double precision.
 * Memory: two subsets as doubles. LIMN_DATA where a set has fewer pictures than a subset. */
limn_status limn_kernel_distance_of(limn_kernel_distance *out, const limn_linear_algebra *algebra,
                                    const limn_feature_set *a, const limn_feature_set *b,
                                    const limn_kernel_distance_options *options);

#endif
