/* DCGAN. Names and order are those of PyTorch's DCGAN example: main.0 is its first layer. */
#include <stdio.h>

#include "models/model.h"

#define DEVIATION  0.02f /* of all initial weights, and of gamma around 1 */
#define SLOPE      0.2f  /* of the discriminator's leaky ReLUs */
#define MOST_TIMES 16    /* the widest layer has this many times `filters` channels */

static limn_layer *add(limn_network *network, limn_layer_kind kind) {
  char name[24];
  snprintf(name, sizeof name, "main.%d", network->layer_count);
  limn_layer *layer = limn_network_add(network, kind, name);
  layer->deviation = DEVIATION;
  return layer;
}

static void add_activation(limn_network *network, limn_pointwise function) {
  limn_layer *layer = add(network, LIMN_LAYER_ACTIVATION);
  layer->activation = function;
  layer->slope = SLOPE;
}

static limn_layer *add_conv(limn_network *network, limn_layer_kind kind, int channels, int height, int width) {
  limn_layer *layer = add(network, kind);
  layer->channels = channels;
  layer->height = height;
  layer->width = width;
  layer->kernel_h = layer->kernel_w = 4;
  layer->stride = 2;
  layer->pad = 1;
  return layer;
}

/* From a 1x1 code to the base, or from the base to a 1x1 score: the kernel is the base. */
static void make_full(limn_layer *layer, int kernel_h, int kernel_w) {
  layer->kernel_h = kernel_h;
  layer->kernel_w = kernel_w;
  layer->stride = 1;
  layer->pad = 0;
}

static int width_at(const limn_config *config, int level) {
  int times = 1 << level;
  return config->filters * (times < MOST_TIMES ? times : MOST_TIMES);
}

static void init_generator(limn_network *g, const limn_config *config, int levels, int base_height, int base_width) {
  *g = (limn_network){.name = "generator", .channels = config->latent, .height = 1, .width = 1};
  limn_layer *first = add_conv(g, LIMN_LAYER_TRANSPOSED_CONV, width_at(config, levels - 1), base_height, base_width);
  make_full(first, base_height, base_width);
  for (int level = levels - 1; level >= 0; --level) {
    add(g, LIMN_LAYER_BATCHNORM);
    add_activation(g, LIMN_PW_RELU);
    int times = 1 << (levels - level);
    add_conv(g, LIMN_LAYER_TRANSPOSED_CONV, level ? width_at(config, level - 1) : config->channels, base_height * times,
             base_width * times);
  }
  add_activation(g, LIMN_PW_TANH);
}

static void init_discriminator(limn_network *d, const limn_config *config, int levels, int base_height,
                               int base_width) {
  *d = (limn_network){
      .name = "discriminator", .channels = config->channels, .height = config->height, .width = config->width};
  for (int level = 0; level < levels; ++level) {
    int times = 1 << (levels - 1 - level);
    add_conv(d, LIMN_LAYER_CONV, width_at(config, level), base_height * times, base_width * times);
    if (level > 0)
      add(d, LIMN_LAYER_BATCHNORM);
    add_activation(d, LIMN_PW_LEAKY_RELU);
  }
  make_full(add_conv(d, LIMN_LAYER_CONV, 1, 1, 1), base_height, base_width);
}

void limn_dcgan_init(limn_model *model, const limn_config *config, int levels, int base_height, int base_width) {
  init_generator(&model->networks[0], config, levels, base_height, base_width);
  init_discriminator(&model->networks[1], config, levels, base_height, base_width);
}
