/* The likelihood of a picture under a VAE by importance sampling (Burda et al. 2016, equation 8):
 *
 *   -log p(x) <= -E log 1/k sum_i p(x | z_i) p(z_i) / q(z_i | x),   z_i from q(z | x), p(z) = N(0, 1)
 *
 * For k = 1 the bound is the ELBO, drawn without the closed form of its KL; with k it falls to -log p(x). Sample i of
 * picture number n is a pure function of the seed, n and i (docs/randomness.md), so that neither blocks nor other
 * pictures change it. */
#ifndef LIMN_METRICS_IMPORTANCE_H
#define LIMN_METRICS_IMPORTANCE_H

#include <signal.h>

#include "infer/codec.h"

typedef struct limn_importance {
  limn_codec *codec; /* borrowed; opened for codes that explain one picture */
  int samples;       /* k */
  uint64_t seed;
  const volatile sig_atomic_t *stop; /* not 0: give up, with LIMN_FAILED. May be NULL */
  int latent, block;                 /* block: samples at a time, which bounds the memory */
  float *codes, *nats;               /* of a block */
  double *ratios;
} limn_importance;

/* Takes over the fields down to `stop`, which the caller has set. */
limn_status limn_importance_init(limn_importance *importance);
void limn_importance_release(limn_importance *importance);

/* -log p(x) in nats of picture `number`, whose target (C, H, W) and q (latent) are given. */
limn_status limn_importance_run(limn_importance *importance, uint32_t number, const float *target, const float *mean,
                                const float *log_variance, double *nats);

#endif
