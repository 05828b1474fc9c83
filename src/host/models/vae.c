/* Convolutional encoder and decoder: 4x4 stride-2 convolutions with ReLU, no batchnorm, so that a picture's ELBO does
 * not depend on the others of its batch. */
#include <math.h>
#include <stdio.h>

#include "models/model.h"

#define MOST_TIMES 16

static limn_layer *add(limn_network *network, limn_layer_kind kind, const char *name, int channels, int height,
                       int width) {
  limn_layer *layer = limn_network_add(network, kind, name);
  layer->channels = channels;
  layer->height = height;
  layer->width = width;
  layer->kernel_h = layer->kernel_w = 4;
  layer->stride = 2;
  layer->pad = 1;
  layer->bias = true;
  return layer;
}

static void make_full(limn_layer *layer, int kernel_h, int kernel_w) {
  layer->kernel_h = kernel_h;
  layer->kernel_w = kernel_w;
  layer->stride = 1;
  layer->pad = 0;
}

/* He et al. 2015: variance gain / (inputs of one output). A transposed convolution of stride s sums K^2 / s^2 taps. */
static void initialise(limn_layer *layer, double gain) {
  double taps = layer->kernel_h * layer->kernel_w;
  bool expands = layer->kind == LIMN_LAYER_TRANSPOSED_CONV;
  if (expands)
    taps = layer->stride == 1 ? 1 : taps / (layer->stride * layer->stride);
  layer->deviation = (float)sqrt(gain / (taps * layer->input_channels));
}

static void add_relu(limn_network *network) {
  char name[24];
  snprintf(name, sizeof name, "main.%d", network->layer_count);
  limn_network_add(network, LIMN_LAYER_ACTIVATION, name)->activation = LIMN_PW_RELU;
}

static void add_main(limn_network *network, limn_layer_kind kind, int channels, int height, int width) {
  char name[24];
  snprintf(name, sizeof name, "main.%d", network->layer_count);
  add(network, kind, name, channels, height, width);
}

static int width_at(const limn_config *config, int level) {
  int times = 1 << level;
  return config->filters * (times < MOST_TIMES ? times : MOST_TIMES);
}

static void init_encoder(limn_network *e, const limn_config *config, int levels, int base_height, int base_width) {
  *e =
      (limn_network){.name = "encoder", .channels = config->channels, .height = config->height, .width = config->width};
  for (int level = 0; level < levels; ++level) {
    int times = 1 << (levels - 1 - level);
    add_main(e, LIMN_LAYER_CONV, width_at(config, level), base_height * times, base_width * times);
    initialise(&e->layers[e->layer_count - 1], 2);
    add_relu(e);
  }
  /* The heads both read the last trunk layer. */
  bool variational = config->model == LIMN_MODEL_VAE;
  static const char *const names[2] = {"mu", "logvar"};
  for (int head = 0; head < (variational ? 2 : 1); ++head) {
    limn_layer *layer = add(e, LIMN_LAYER_CONV, variational ? names[head] : "code", config->latent, 1, 1);
    layer->input_channels = width_at(config, levels - 1);
    make_full(layer, base_height, base_width);
    initialise(layer, 1);
  }
}

static void init_decoder(limn_network *d, const limn_config *config, int levels, int base_height, int base_width) {
  *d = (limn_network){.name = "decoder", .channels = config->latent, .height = 1, .width = 1};
  add_main(d, LIMN_LAYER_TRANSPOSED_CONV, width_at(config, levels - 1), base_height, base_width);
  make_full(&d->layers[0], base_height, base_width);
  initialise(&d->layers[0], 2);
  for (int level = levels - 1; level >= 0; --level) {
    add_relu(d);
    int times = 1 << (levels - level);
    add_main(d, LIMN_LAYER_TRANSPOSED_CONV, level ? width_at(config, level - 1) : config->channels, base_height * times,
             base_width * times);
    initialise(&d->layers[d->layer_count - 1], level ? 2 : 1);
  }
}

void limn_vae_init(limn_model *model, const limn_config *config, int levels, int base_height, int base_width) {
  init_encoder(&model->networks[0], config, levels, base_height, base_width);
  init_decoder(&model->networks[1], config, levels, base_height, base_width);
}

limn_encoding limn_model_encode(limn_graph *graph, const limn_model *model, limn_value x) {
  const limn_network *encoder = &model->networks[0];
  limn_network_mode mode = {.gate = LIMN_NONE, .role = LIMN_ROLE_PARAMETER};
  int heads = model->kind == LIMN_MODEL_VAE ? 2 : 1, trunk = encoder->layer_count - heads;
  for (int i = 0; i < trunk; ++i)
    x = limn_network_apply_layer(graph, encoder, &encoder->layers[i], x, mode);
  limn_encoding encoding = {.log_variance = LIMN_NONE};
  encoding.mu = limn_network_apply_layer(graph, encoder, &encoder->layers[trunk], x, mode);
  if (heads == 2)
    encoding.log_variance = limn_network_apply_layer(graph, encoder, &encoder->layers[trunk + 1], x, mode);
  return encoding;
}
