/* Mixtures of Gaussians with full covariances, fitted to codes by expectation and maximisation (Dempster, Laird & Rubin
 * 1977), with scikit-learn's conventions: from the same start its GaussianMixture makes the same numbers. */
#ifndef LIMN_METRICS_MIXTURE_FIT_H
#define LIMN_METRICS_MIXTURE_FIT_H

#include <signal.h>

#include "infer/mixture.h"
#include "metrics/feature_set.h"
#include "metrics/linear_algebra.h"

#define LIMN_MIXTURE_REGULAR    1e-6 /* added to every variance */
#define LIMN_MIXTURE_TOLERANCE  1e-3 /* of the mean log-likelihood, under which a step ends the fit */
#define LIMN_MIXTURE_ITERATIONS 100  /* at most */

typedef struct limn_mixture_fit {
  const limn_linear_algebra *algebra;
  const limn_feature_set *codes; /* (count, width) */
  /* Told after each step of at most `most`. May be NULL. */
  void (*on_progress)(void *context, int step, int most);
  void *context;
  const volatile sig_atomic_t *stop; /* not 0: give up, with LIMN_FAILED. May be NULL */
  int iterations;                    /* set: steps that were taken */
  double log_likelihood;             /* set: mean over the codes, by the last but one mixture, as scikit-learn has it */
} limn_mixture_fit;

/* Makes `mixture` one of `components` that begins at the codes: k-means (Lloyd 1982), whose centres are chosen by
 * k-means++ (Arthur & Vassilvitskii 2007) with numbers of the seed, then the mixture of these clusters. Yours also
 * after a failure. LIMN_DATA for fewer codes than components x width, for codes that are not finite, and where fewer
 * than `components` are different. */
limn_status limn_mixture_start(limn_mixture *mixture, const limn_mixture_fit *fit, int components, uint64_t seed);

/* Steps from where the mixture is until the mean log-likelihood changes by less than the tolerance. LIMN_DATA where a
 * covariance loses its rank. */
limn_status limn_mixture_improve(limn_mixture *mixture, limn_mixture_fit *fit);

/* The mixture that responsibilities (count, components) of the codes make: what a step ends with. */
limn_status limn_mixture_estimate(limn_mixture *mixture, const limn_mixture_fit *fit, const double *responsibilities);

#endif
