/* The rows of limn evaluate on VAEs and autoencoders. */
#ifndef LIMN_METRICS_VAE_ROWS_H
#define LIMN_METRICS_VAE_ROWS_H

#include "metrics/measures.h"

/* The held-out objective, active units and reconstructions. */
limn_status limn_take_elbo(const limn_measured *measured, limn_evaluation *out);
/* The likelihood by importance sampling. */
limn_status limn_take_nll(const limn_measured *measured, limn_evaluation *out);

#endif
