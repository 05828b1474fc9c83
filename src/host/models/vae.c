#include "models/vae.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "models/pretrained_encoder.h"

/* He et al. 2015: variance gain / (inputs of one output). */
static float he(double gain, double taps, int channels) { return (float)sqrt(gain / (taps * channels)); }

static int channels_of(const limn_scope *s, limn_value x) { return limn_graph_shape(s->graph, x).c; }

static limn_value convolve_same(limn_scope *s, const char *name, limn_value x, double gain) {
  const int channels = channels_of(s, x);
  const limn_conv_layer layer = {.channels = channels,
                                 .kernel_h = 3,
                                 .kernel_w = 3,
                                 .stride = 1,
                                 .pad = 1,
                                 .bias = true,
                                 .deviation = he(gain, 9, channels)};
  return limn_layer_conv(s, name, limn_graph_unary(s->graph, LIMN_PW_RELU, x, 0, 0), &layer);
}

/* x + conv2(ReLU(conv1(ReLU(x)))) (He et al. 2016, "Identity Mappings in Deep Residual Networks", figure 1b, without
 * their normalisation): conv2 begins at a tenth, so that a block begins as little more than what it is handed. */
static limn_value residual_blocks(limn_scope *s, const limn_model *model, limn_value x) {
  for (int i = 0; i < model->config->residual_blocks; ++i) {
    char names[2][32];
    for (int j = 0; j < 2; ++j)
      snprintf(names[j], sizeof names[j], "main.%d.conv%d", s->place, j + 1);
    ++s->place;
    x = limn_graph_add(s->graph, x, convolve_same(s, names[1], convolve_same(s, names[0], x, 2), 0.01));
  }
  return x;
}

static limn_value halve(limn_scope *s, const limn_model *model, limn_value x, int channels) {
  const limn_conv_layer layer = limn_trunk_step(channels, true, he(2, 16, channels_of(s, x)));
  return limn_layer_activation(s, LIMN_PW_RELU, residual_blocks(s, model, limn_layer_conv(s, NULL, x, &layer)), 0);
}

/* The heads read the whole base, or the whole map of a pretrained network. */
static limn_value head(limn_scope *s, const char *name, const limn_model *model, limn_value x) {
  const limn_trunk *t = &model->trunk;
  if (limn_config_has_pretrained_encoder(model->config)) {
    const limn_shape map = limn_graph_shape(s->graph, x);
    return limn_layer_linear(s, name, x,
                             &(limn_conv_layer){.channels = model->config->latent,
                                                .bias = true,
                                                .deviation = he(1, (double)map.h * map.w, map.c)});
  }
  const limn_conv_layer layer =
      limn_trunk_whole(t, model->config->latent, true, he(1, t->base_height * t->base_width, channels_of(s, x)));
  return limn_layer_conv(s, name, x, &layer);
}

/* What the heads read. */
static limn_value see(limn_scope *s, const limn_model *model, limn_value x) {
  if (limn_config_has_pretrained_encoder(model->config))
    return limn_pretrained_encoder_map(s, model->config, x);
  for (int level = 0; level < model->trunk.levels; ++level)
    x = halve(s, model, x, limn_trunk_channels(model->config->filters, level));
  return x;
}

static limn_encoding encode(limn_scope *s, const limn_model *model, limn_value x) {
  x = see(s, model, x);
  if (model->config->model != LIMN_MODEL_VAE)
    return (limn_encoding){.mu = head(s, "code", model, x), .log_variance = LIMN_NONE};
  limn_value mu = head(s, "mu", model, x);
  return (limn_encoding){.mu = mu, .log_variance = head(s, "logvar", model, x)};
}

limn_encoding limn_vae_encode(limn_graph *graph, const limn_model *model, limn_value x) {
  limn_scope scope = limn_model_scope(graph, model, 0, (limn_network_mode){.gate = LIMN_NONE});
  return encode(&scope, model, x);
}

limn_value limn_vae_encoder(limn_scope *s, const limn_model *model, limn_value x) { return encode(s, model, x).mu; }

/* Of the 4x4 taps of a transposed convolution of stride 2, one output sums 2x2. */
static limn_value twice(limn_scope *s, limn_value x, int channels, double gain) {
  const limn_conv_layer layer = limn_trunk_step(channels, true, he(gain, 4, channels_of(s, x)));
  return limn_layer_transposed(s, NULL, limn_layer_activation(s, LIMN_PW_RELU, x, 0), &layer);
}

/* The first layer begins at a tenth of He's deviation: what a code says counts for little at first, and so does its
 * noise. With all of it an epoch of Fashion-MNIST ends 9 nats behind. */
limn_value limn_vae_decoder(limn_scope *s, const limn_model *model, limn_value z) {
  const limn_config *config = model->config;
  int level = model->trunk.levels - 1;
  const limn_conv_layer base =
      limn_trunk_whole(&model->trunk, limn_trunk_channels(config->filters, level), true, he(0.02, 1, config->latent));
  limn_value x = residual_blocks(s, model, limn_layer_transposed(s, NULL, z, &base));
  for (; level > 0; --level)
    x = residual_blocks(s, model, twice(s, x, limn_trunk_channels(config->filters, level - 1), 2));
  x = twice(s, x, config->channels, 1);
  if (config->likelihood == LIMN_LIKELIHOOD_GAUSSIAN_LEARNED)
    limn_scope_leaf(s, NULL, LIMN_VAE_VARIANCE, LIMN_ROLE_PARAMETER, LIMN_SCALAR, (limn_initial){0});
  return x;
}

limn_value limn_vae_log_variance(limn_graph *graph, const limn_model *model) {
  if (model->config->likelihood != LIMN_LIKELIHOOD_GAUSSIAN_LEARNED)
    return LIMN_NONE;
  return limn_graph_find_leaf(graph, "decoder." LIMN_VAE_VARIANCE);
}

limn_value limn_vae_pixels(limn_graph *graph, const limn_model *model, limn_value output) {
  if (model->config->likelihood == LIMN_LIKELIHOOD_BERNOULLI)
    return limn_graph_unary(graph, LIMN_PW_SIGMOID, output, 0, 0);
  /* Clipped to [0, 1]: 1 - relu(1 - relu(x)). */
  limn_value below = limn_graph_unary(graph, LIMN_PW_RELU, output, 0, 0);
  limn_value above = limn_graph_unary(graph, LIMN_PW_RELU, limn_graph_affine(graph, below, -1, 1), 0, 0);
  return limn_graph_affine(graph, above, -1, 1);
}

const char *limn_vae_describe_output(const limn_config *config, const char *network) {
  if (strcmp(network, "encoder") == 0 && limn_config_has_frozen_encoder(config))
    return config->model == LIMN_MODEL_VAE ? "mean and log-variance of the code, of a map of the pretrained network, "
                                             "whose frozen weights are not in the file"
                                           : "the code, of a map of the pretrained network, whose frozen weights are "
                                             "not in the file";
  if (strcmp(network, "encoder") == 0)
    return config->model == LIMN_MODEL_VAE ? "mean and log-variance of the code" : "the code";
  return config->likelihood == LIMN_LIKELIHOOD_BERNOULLI ? "logits; apply a sigmoid for pictures in [0, 1]"
                                                         : "pictures in [0, 1]; clip what is outside";
}
