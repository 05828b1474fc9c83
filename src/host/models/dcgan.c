/* DCGAN. Names and order are those of PyTorch's DCGAN example: main.0 is its first layer. */
#include <stdio.h>
#include <string.h>

#include "models/model.h"

#define DEVIATION 0.02f /* of all initial weights, and of gamma around 1 */
#define SLOPE     0.2f  /* of the discriminator's leaky ReLUs */

static limn_layer *add_conv(limn_network *network, limn_layer_kind kind, int channels, int height, int width) {
  limn_layer *layer = limn_network_add_conv(network, kind, channels, height, width);
  layer->deviation = DEVIATION;
  return layer;
}

static void add_batchnorm(limn_network *network) {
  char name[24];
  snprintf(name, sizeof name, "main.%d", network->layer_count);
  limn_network_add(network, LIMN_LAYER_BATCHNORM, name)->deviation = DEVIATION;
}

static void init_generator(limn_network *g, const limn_config *config, int levels, int base_height, int base_width) {
  *g = (limn_network){.channels = config->latent, .height = 1, .width = 1};
  limn_layer_make_full(add_conv(g, LIMN_LAYER_TRANSPOSED_CONV, limn_trunk_channels(config->filters, levels - 1),
                                base_height, base_width),
                       base_height, base_width);
  for (int level = levels - 1; level >= 0; --level) {
    int times = 1 << (levels - level);
    int channels = level ? limn_trunk_channels(config->filters, level - 1) : config->channels;
    add_batchnorm(g);
    limn_network_add_activation(g, LIMN_PW_RELU, 0);
    add_conv(g, LIMN_LAYER_TRANSPOSED_CONV, channels, base_height * times, base_width * times);
  }
  limn_network_add_activation(g, LIMN_PW_TANH, 0);
}

static void init_discriminator(limn_network *d, const limn_config *config, int levels, int base_height,
                               int base_width) {
  *d = (limn_network){.channels = config->channels, .height = config->height, .width = config->width};
  for (int level = 0; level < levels; ++level) {
    int times = 1 << (levels - 1 - level);
    add_conv(d, LIMN_LAYER_CONV, limn_trunk_channels(config->filters, level), base_height * times, base_width * times);
    if (level > 0)
      add_batchnorm(d);
    limn_network_add_activation(d, LIMN_PW_LEAKY_RELU, SLOPE);
  }
  limn_layer_make_full(add_conv(d, LIMN_LAYER_CONV, 1, 1, 1), base_height, base_width);
}

void limn_dcgan_init(limn_model *model, const limn_config *config, int levels, int base_height, int base_width) {
  init_generator(&model->networks[0], config, levels, base_height, base_width);
  init_discriminator(&model->networks[1], config, levels, base_height, base_width);
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
  };
  return strcmp(network, "discriminator") == 0 ? scores[config->loss] : "pictures after tanh, in [-1, 1]";
}
