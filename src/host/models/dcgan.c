/* Names and order are those of PyTorch's DCGAN example: main.0 is its first layer. */
#include "models/dcgan.h"

#include <string.h>

#include "models/minibatch.h"

#define DEVIATION 0.02f /* of all initial weights, and of gamma around 1 */
#define SLOPE     0.2f  /* of the discriminator's leaky ReLUs */

limn_value limn_dcgan_generator(limn_scope *s, const limn_model *model, limn_value z) {
  const limn_config *config = model->config;
  int level = model->trunk.levels - 1;
  limn_conv_layer layer =
      limn_trunk_whole(&model->trunk, limn_trunk_channels(config->filters, level), false, DEVIATION);
  limn_value x = limn_layer_transposed(s, NULL, z, &layer);
  for (; level >= 0; --level) {
    x = limn_layer_batchnorm(s, NULL, x, DEVIATION);
    x = limn_layer_activation(s, LIMN_PW_RELU, x, 0);
    layer =
        limn_trunk_step(level ? limn_trunk_channels(config->filters, level - 1) : config->channels, false, DEVIATION);
    x = limn_layer_transposed(s, NULL, x, &layer);
  }
  return limn_layer_activation(s, LIMN_PW_TANH, x, 0);
}

limn_value limn_dcgan_discriminator(limn_scope *s, const limn_model *model, limn_value x) {
  const limn_config *config = model->config;
  const bool normalised = config->norm_d == LIMN_NORM_BATCH;
  limn_conv_layer layer;
  for (int level = 0; level < model->trunk.levels; ++level) {
    /* A bias where there is no beta. */
    layer = limn_trunk_step(limn_trunk_channels(config->filters, level), level > 0 && !normalised, DEVIATION);
    layer.spectral = config->spectral_norm;
    x = limn_layer_conv(s, NULL, x, &layer);
    if (level > 0 && normalised)
      x = limn_layer_batchnorm(s, NULL, x, DEVIATION);
    x = limn_layer_activation(s, LIMN_PW_LEAKY_RELU, x, SLOPE);
  }
  if (config->minibatch_stddev)
    x = limn_layer_minibatch_deviation(s, NULL, x);
  layer = limn_trunk_whole(&model->trunk, 1, false, DEVIATION);
  layer.spectral = config->spectral_norm;
  return limn_layer_conv(s, NULL, x, &layer);
}

limn_value limn_dcgan_pixels(limn_graph *graph, const limn_model *model, limn_value output) {
  (void)model;
  return limn_graph_affine(graph, output, 0.5f, 0.5f); /* tanh's range */
}

const char *limn_dcgan_describe_output(const limn_config *config, const char *network) {
  static const char *const scores[] = {
      [LIMN_GAN_NON_SATURATING] = "logits of being real; apply a sigmoid",
      [LIMN_GAN_MINIMAX] = "logits of being real; apply a sigmoid",
      [LIMN_GAN_LEAST_SQUARES] = "scores, 1 for real and 0 for generated pictures",
      [LIMN_GAN_HINGE] = "scores, over 0 for real and under 0 for generated pictures",
      [LIMN_GAN_WASSERSTEIN] = "scores, larger for real pictures; only differences mean something",
      [LIMN_GAN_RELATIVISTIC] = "scores, larger for real pictures; only differences mean something",
  };
  return strcmp(network, "discriminator") == 0 ? scores[config->loss] : "pictures after tanh, in [-1, 1]";
}
