/* The Fréchet distance between the Gaussians that two sets' features would be (Heusel et al. 2017): FID, when they are
 * Inception's 2048. */
#ifndef LIMN_METRICS_FRECHET_H
#define LIMN_METRICS_FRECHET_H

#include "metrics/moments.h"

/* |mean a - mean b|^2 + tr(Sa + Sb - 2 (Sa Sb)^(1/2)). The last trace is the sum of the singular values of Fa Fb',
 * where S = F' F: neither a root of rounding errors nor a matrix that is not symmetric comes into it, and of n
 * pictures, fewer than features, F has n - 1 rows. May be a rounding error below 0. LIMN_DATA for different widths and
 * numbers that are not finite. */
limn_status limn_frechet_distance(double *out, const limn_linear_algebra *algebra, const limn_moments *a,
                                  const limn_moments *b);

typedef struct limn_bootstrap_options {
  uint32_t resamples; /* at least 2; 100 or more for an interval of 95 % */
  double confidence;  /* 0.95: the share of resamples inside the interval */
  uint64_t seed;
} limn_bootstrap_options;

typedef struct limn_interval {
  double value, low, high;
  double deviation; /* of the resamples */
} limn_interval;

/* The distance of a set to `to`, with an interval by drawing as many pictures out of the set again, with replacement.
 * What is drawn twice makes the covariance thinner and the distance larger, in all resamples alike: so low and high are
 * the value and what quantiles of the resamples differ from their mean. It tells what other pictures of the same
 * generator would change, not what another number of them would. */
limn_status limn_frechet_bootstrap(limn_interval *out, const limn_linear_algebra *algebra, const limn_feature_set *set,
                                   const limn_moments *to, const limn_bootstrap_options *options);

#endif
