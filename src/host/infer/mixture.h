/* A mixture of Gaussians over latent codes: what a decoder's codes are drawn from where they follow no prior of their
 * own (Ghosh et al. 2020, "From Variational to Deterministic Autoencoders", section 4). */
#ifndef LIMN_INFER_MIXTURE_H
#define LIMN_INFER_MIXTURE_H

#include <stdint.h>

#include "limn/status.h"

typedef struct limn_mixture {
  int components, width; /* width: of a code */
  double *weights;       /* (components), 1 in sum; owned, as are the others */
  double *means;         /* (components, width) */
  double *factors;       /* (components, width, width): L, lower triangular with zeros above; a covariance is L L' */
} limn_mixture;

/* Of zeros. After a failure there is nothing to release. */
limn_status limn_mixture_init(limn_mixture *mixture, int components, int width);
void limn_mixture_release(limn_mixture *mixture); /* also of one that is all zeros */

/* Codes number first ... first + count - 1 of a seed, (count, width): docs/randomness.md. */
void limn_mixture_codes(const limn_mixture *mixture, uint64_t seed, uint64_t first, int count, float *codes);

#endif
