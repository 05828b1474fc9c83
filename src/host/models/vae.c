/* Convolutional encoder and decoder: 4x4 stride-2 convolutions with ReLU, no batchnorm, so that a picture's ELBO does
 * not depend on the others of its batch. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "models/model.h"

/* He et al. 2015: variance gain / (inputs of one output). A transposed convolution of stride s sums K^2 / s^2 taps. */
static void initialise(limn_layer *layer, double gain) {
  double taps = layer->kernel_h * layer->kernel_w;
  if (layer->kind == LIMN_LAYER_TRANSPOSED_CONV)
    taps = layer->stride == 1 ? 1 : taps / (layer->stride * layer->stride);
  layer->deviation = (float)sqrt(gain / (taps * layer->input_channels));
  layer->bias = true;
}

static void init_encoder(limn_network *e, int heads, const limn_config *config, int levels, int base_height,
                         int base_width) {
  *e = (limn_network){.channels = config->channels, .height = config->height, .width = config->width};
  for (int level = 0; level < levels; ++level) {
    int times = 1 << (levels - 1 - level);
    initialise(limn_network_add_conv(e, LIMN_LAYER_CONV, limn_trunk_channels(config->filters, level),
                                     base_height * times, base_width * times),
               2);
    limn_network_add_activation(e, LIMN_PW_RELU, 0);
  }
  /* The heads both read the last trunk layer. */
  static const char *const names[2] = {"mu", "logvar"};
  for (int head = 0; head < heads; ++head) {
    limn_layer *layer = limn_network_add_conv(e, LIMN_LAYER_CONV, config->latent, 1, 1);
    snprintf(layer->name, sizeof layer->name, "%s", heads == 2 ? names[head] : "code");
    layer->input_channels = limn_trunk_channels(config->filters, levels - 1);
    limn_layer_make_full(layer, base_height, base_width);
    initialise(layer, 1);
  }
}

static void init_decoder(limn_network *d, const limn_config *config, int levels, int base_height, int base_width) {
  *d = (limn_network){.channels = config->latent, .height = 1, .width = 1};
  limn_layer *first = limn_network_add_conv(d, LIMN_LAYER_TRANSPOSED_CONV,
                                            limn_trunk_channels(config->filters, levels - 1), base_height, base_width);
  limn_layer_make_full(first, base_height, base_width);
  initialise(first, 2);
  for (int level = levels - 1; level >= 0; --level) {
    int times = 1 << (levels - level);
    int channels = level ? limn_trunk_channels(config->filters, level - 1) : config->channels;
    limn_network_add_activation(d, LIMN_PW_RELU, 0);
    initialise(limn_network_add_conv(d, LIMN_LAYER_TRANSPOSED_CONV, channels, base_height * times, base_width * times),
               level ? 2 : 1);
  }
}

void limn_vae_init(limn_model *model, const limn_config *config, int levels, int base_height, int base_width) {
  model->heads = config->model == LIMN_MODEL_VAE ? 2 : 1;
  init_encoder(&model->networks[0], model->heads, config, levels, base_height, base_width);
  init_decoder(&model->networks[1], config, levels, base_height, base_width);
}

limn_encoding limn_model_encode(limn_graph *graph, const limn_model *model, limn_value x) {
  const limn_network *encoder = &model->networks[0];
  limn_network_mode mode = {.gate = LIMN_NONE, .role = LIMN_ROLE_PARAMETER};
  const int trunk = encoder->layer_count - model->heads;
  for (int i = 0; i < trunk; ++i)
    x = limn_network_apply_layer(graph, encoder, &encoder->layers[i], x, mode);
  limn_encoding encoding = {.log_variance = LIMN_NONE};
  encoding.mu = limn_network_apply_layer(graph, encoder, &encoder->layers[trunk], x, mode);
  if (model->heads == 2)
    encoding.log_variance = limn_network_apply_layer(graph, encoder, &encoder->layers[trunk + 1], x, mode);
  return encoding;
}

limn_value limn_vae_pixels(limn_graph *graph, const limn_model *model, limn_value output) {
  if (model->likelihood == LIMN_LIKELIHOOD_BERNOULLI)
    return limn_graph_unary(graph, LIMN_PW_SIGMOID, output, 0, 0);
  /* Clipped to [0, 1]: 1 - relu(1 - relu(x)). */
  limn_value below = limn_graph_unary(graph, LIMN_PW_RELU, output, 0, 0);
  limn_value above = limn_graph_unary(graph, LIMN_PW_RELU, limn_graph_affine(graph, below, -1, 1), 0, 0);
  return limn_graph_affine(graph, above, -1, 1);
}

const char *limn_vae_describe_output(const limn_config *config, const char *network) {
  if (strcmp(network, "encoder") == 0)
    return config->model == LIMN_MODEL_VAE ? "mean and log-variance of the code" : "the code";
  return config->likelihood == LIMN_LIKELIHOOD_BERNOULLI ? "logits; apply a sigmoid for pictures in [0, 1]"
                                                         : "pictures in [0, 1]; clip what is outside";
}
