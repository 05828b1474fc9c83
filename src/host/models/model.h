/* Models: functions from a config, with its size and channels resolved, to networks and to graphs of them. */
#ifndef LIMN_MODELS_MODEL_H
#define LIMN_MODELS_MODEL_H

#include "models/registry.h"

struct limn_model {
  const limn_model_row *row;
  int latent;
  limn_likelihood likelihood;
  int heads;                /* of an encoder: 1, the code; 2, its mean and log-variance */
  limn_network networks[2]; /* in the order of the row */
};

/* LIMN_USAGE when the size cannot be served. */
limn_status limn_model_init(limn_model *model, const limn_config *config);

/* Radford, Metz & Chintala 2015, in the form of PyTorch's DCGAN example: 4x4 convolutions, no bias before a batchnorm,
 * widths that halve towards the picture. Discriminators end in logits. dcgan.c */
void limn_dcgan_init(limn_model *model, const limn_config *config, int levels, int base_height, int base_width);
limn_value limn_dcgan_pixels(limn_graph *graph, const limn_model *model, limn_value output);
const char *limn_dcgan_describe_output(const limn_config *config, const char *network);
/* Kingma & Welling 2014 with convolutions; autoencoders are the same with one head. vae.c */
void limn_vae_init(limn_model *model, const limn_config *config, int levels, int base_height, int base_width);
limn_value limn_vae_pixels(limn_graph *graph, const limn_model *model, limn_value output);
const char *limn_vae_describe_output(const limn_config *config, const char *network);

/* The network that makes pictures from codes. */
const limn_network *limn_model_generator(const limn_model *model);

/* Encoder: mu and log sigma^2 of q(z|x), each (N, latent, 1, 1); an autoencoder's code is mu, and log_variance
 * LIMN_NONE. */
typedef struct limn_encoding {
  limn_value mu, log_variance;
} limn_encoding;
limn_encoding limn_model_encode(limn_graph *graph, const limn_model *model, limn_value x);

/* Pictures in [0, 1] from what the generating network put out (tanh's range, logits, or means). */
limn_value limn_model_pixels(limn_graph *graph, const limn_model *model, limn_value output);

/* All parameters and buffers of all networks. */
limn_status limn_model_visit(const limn_model *model, limn_parameter_visitor visitor, void *context);

#endif
