/* How far reconstructions are from what they were made of, in the eyes of a pretrained network. */
#ifndef LIMN_METRICS_PERCEPTUAL_H
#define LIMN_METRICS_PERCEPTUAL_H

#include "metrics/measures.h"

/* The measure's row (measures.h): of a VAE or an autoencoder, the decoded mean of q(z | x) against what the likelihood
 * explains, by limn_map_distance in every map of the network, or in that of option tap. */
limn_status limn_take_perceptual(const limn_measured *measured, limn_evaluation *out);

#endif
