/* Kingma & Welling 2014 with convolutions: 4x4 stride-2 convolutions with ReLU, no batchnorm, so that a picture's ELBO
 * does not depend on the others of its batch; between them, where the setting residual_blocks asks for them, residual
 * blocks. Autoencoders are the same with one head. The encoder may read a map of a pretrained network instead
 * (pretrained_encoder.h): its heads are then linear layers over all of that map. */
#ifndef LIMN_MODELS_VAE_H
#define LIMN_MODELS_VAE_H

#include "models/model.h"

/* mu and log sigma^2 of q(z|x), each (N, latent, 1, 1); an autoencoder's code is mu, and log_variance LIMN_NONE. */
typedef struct limn_encoding {
  limn_value mu, log_variance;
} limn_encoding;
limn_encoding limn_vae_encode(limn_graph *graph, const limn_model *model, limn_value x);

/* The networks: the encoder gives mu; the decoder, of codes, what the likelihood makes pictures of. */
limn_value limn_vae_encoder(limn_scope *scope, const limn_model *model, limn_value x);
limn_value limn_vae_decoder(limn_scope *scope, const limn_model *model, limn_value z);
#define LIMN_VAE_VARIANCE "logvar"
#define LIMN_VAE_DECODER                                                                                               \
  { .name = "decoder", .build = limn_vae_decoder, .reads_codes = true, .companion = LIMN_VAE_VARIANCE }

/* The log variance of all pixels, (1, 1, 1, 1), where the likelihood has a learned one: a parameter of the decoder. */
limn_value limn_vae_log_variance(limn_graph *graph, const limn_model *model);

limn_value limn_vae_pixels(limn_graph *graph, const limn_model *model, limn_value output);
const char *limn_vae_describe_output(const limn_config *config, const char *network);

#endif
