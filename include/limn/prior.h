/* What latent codes are drawn from: N(0, 1), or a mixture of Gaussians fitted on the codes of training pictures. */
#ifndef LIMN_PRIOR_H
#define LIMN_PRIOR_H

#include <signal.h>
#include <stdint.h>

#include "limn/status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define LIMN_PRIOR_COMPONENTS 10 /* of Ghosh et al. 2020 */

typedef enum limn_prior {
  LIMN_PRIOR_NORMAL, /* N(0, 1): what GANs, VAEs, and autoencoders with the regularizer mmd are trained for */
  LIMN_PRIOR_MIXTURE /* of a VAE or an autoencoder, once limn_prior_fit has been called */
} limn_prior;

typedef struct limn_prior_options {
  int components;     /* of the mixture; 0: LIMN_PRIOR_COMPONENTS */
  const char *data;   /* the pictures whose codes are taken; NULL: what the run was trained on */
  const char *device; /* NULL: "auto" */
  int threads;        /* 0: as many as the process may use */
  /* Told now and then how far it is; what: "codes" (of pictures), "fit" (at most so many steps). May be NULL. */
  void (*on_progress)(void *context, const char *what, uint32_t done, uint32_t all);
  void *context;
  const volatile sig_atomic_t *stop; /* not 0: give up, with LIMN_FAILED. May be NULL */
} limn_prior_options;

typedef struct limn_prior_info {
  int components, latent;
  uint32_t count;        /* codes that it was fitted on */
  double log_likelihood; /* mean over these, nats */
  int found;             /* 1: it lay beside the checkpoint already */
  char file[4096];       /* where it lies */
} limn_prior_info;

/* Makes sure that a mixture of Gaussians with full covariances, fitted on the codes of up to 50,000 training pictures,
 * lies beside the checkpoint (docs/formats.md): of a VAE the means of q(z | x) are taken. One that is there and of this
 * very checkpoint is kept, without a look at the data unless options name some. path: a run folder (its latest
 * checkpoint) or a checkpoint of a VAE or an autoencoder. options may be NULL, as may out. LIMN_USAGE for models
 * without an encoder and for exports; LIMN_DATA where the pictures are not to be had, their codes are too few
 * (components x latent are the least), or lie in a plane. Deterministic: the run's seed begins it. */
LIMN_API limn_status limn_prior_fit(const char *path, const limn_prior_options *options, limn_prior_info *out);

#ifdef __cplusplus
}
#endif
#endif
