/* What has it learned? How well a linear classifier reads the classes of pictures from what a run makes of them
 * (Radford, Metz & Chintala 2015, section 5; Alain & Bengio 2016). */
#ifndef LIMN_METRICS_PROBE_H
#define LIMN_METRICS_PROBE_H

#include "metrics/measures.h"

/* The measure's row (measures.h): of a GAN on its discriminator's layers (infer/discriminator.h), of a VAE or an
 * autoencoder on its codes. */
limn_status limn_take_probe(const limn_measured *measured, limn_evaluation *out);

#endif
