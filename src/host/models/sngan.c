#include "models/sngan.h"

#include <stdio.h>

#include "models/minibatch.h"
#include "models/outline.h"
#include "models/residual.h"

#define FLAT_SIDE     32 /* pictures of up to so many pixels have blocks of one width */
#define FLAT_HALVINGS 2  /* of their discriminator */
#define FLAT_BLOCKS   4
#define MOST_FURTHER  5 /* halvings, of which the discriminator adds none */

static bool is_flat(const limn_config *config) { return config->height <= FLAT_SIDE && config->width <= FLAT_SIDE; }

/* `level` halvings away from the picture. */
static int pyramid(int filters, int level) {
  const int first = filters > 1 ? filters / 2 : 1, most = 8 * filters;
  return level < 16 && first << level < most ? first << level : most;
}

static const char *number(char name[LIMN_LAYER_NAME], const char *word, int i) {
  snprintf(name, LIMN_LAYER_NAME, "%s%d", word, i);
  return name;
}

/* One more 3x3 convolution makes pictures of what the blocks left. */
limn_value limn_sngan_generator(limn_scope *s, const limn_model *model, limn_value z) {
  const limn_config *config = model->config;
  const limn_trunk *trunk = &model->trunk;
  const bool flat = is_flat(config);
  char name[LIMN_LAYER_NAME];
  int level = trunk->levels, width = flat ? 2 * config->filters : pyramid(config->filters, level), next = 2;
  const limn_conv_layer first = {.channels = width,
                                 .kernel_h = trunk->base_height,
                                 .kernel_w = trunk->base_width,
                                 .bias = true,
                                 .uniform =
                                     limn_xavier(1, config->latent, width * trunk->base_height * trunk->base_width, 1)};
  limn_value x = limn_layer_linear_to_pictures(s, "l1", z, &first);
  while (level-- > 0) {
    width = flat ? width : pyramid(config->filters, level);
    x = limn_residual_up(s, number(name, "block", next++), x, &(limn_residual){.channels = width, .resample = true});
  }
  x = limn_layer_batchnorm(s, number(name, "b", next), x, 0);
  x = limn_layer_named_activation(s, "activation", LIMN_PW_RELU, x, 0);
  const limn_conv_layer last = {.channels = config->channels,
                                .kernel_h = 3,
                                .kernel_w = 3,
                                .stride = 1,
                                .pad = 1,
                                .bias = true,
                                .uniform = limn_xavier(1, width, config->channels, 9)};
  x = limn_layer_conv(s, number(name, "c", next), x, &last);
  return limn_layer_named_activation(s, "tanh", LIMN_PW_TANH, x, 0);
}

/* Its halvings, and all its blocks. */
static void count_blocks(const limn_model *model, int *halvings, int *blocks) {
  const limn_trunk *t = &model->trunk;
  if (is_flat(model->config)) {
    *halvings = t->levels < FLAT_HALVINGS ? t->levels : FLAT_HALVINGS;
    *blocks = *halvings + FLAT_BLOCKS - FLAT_HALVINGS;
    return;
  }
  const bool further = t->levels < MOST_FURTHER && t->base_height % 2 == 0 && t->base_width % 2 == 0;
  const int left = (t->base_height < t->base_width ? t->base_height : t->base_width) / (further ? 2 : 1);
  *halvings = t->levels + further;
  *blocks = *halvings + (left > 2);
}

/* The sum over pixels. */
static limn_value sum_pool(limn_scope *s, limn_value x) {
  const limn_shape shape = limn_graph_shape(s->graph, x);
  limn_value mean = limn_graph_avg_pool(
      s->graph, x, (limn_pool_attrs){.window_h = shape.h, .window_w = shape.w, .stride_h = 1, .stride_w = 1});
  limn_value y = limn_graph_affine(s->graph, mean, (float)(shape.h * shape.w), 0);
  limn_outline_note(s->outline, s->graph, "sum", y, "sum over pixels");
  return y;
}

limn_value limn_sngan_discriminator(limn_scope *s, const limn_model *model, limn_value x) {
  const limn_config *config = model->config;
  const bool flat = is_flat(config);
  char name[LIMN_LAYER_NAME];
  int halvings, blocks;
  count_blocks(model, &halvings, &blocks);
  for (int i = 0; i < blocks; ++i) {
    const int width = flat ? config->filters : pyramid(config->filters, i);
    const limn_residual block = {.channels = width,
                                 .hidden = i == 0 ? width : limn_graph_shape(s->graph, x).c,
                                 .resample = i < halvings,
                                 .spectral = config->spectral_norm,
                                 .first = i == 0};
    x = limn_residual_down(s, number(name, "block", i + 1), x, &block);
  }
  x = limn_layer_named_activation(s, "activation", LIMN_PW_RELU, x, 0);
  if (config->minibatch_stddev)
    x = limn_layer_minibatch_deviation(s, "minibatch", x);
  x = sum_pool(s, x);
  const limn_conv_layer last = {.channels = 1,
                                .bias = true,
                                .uniform = limn_xavier(1, limn_graph_shape(s->graph, x).c, 1, 1),
                                .spectral = config->spectral_norm};
  return limn_layer_linear(s, number(name, "l", blocks + 1), x, &last);
}
