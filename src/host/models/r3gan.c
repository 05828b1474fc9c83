#include "models/r3gan.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "models/dcgan.h"
#include "models/minibatch.h"
#include "models/outline.h"

#define BLOCKS      2 /* a stage */
#define EXPANSION   2
#define GROUP       16 /* channels */
#define MOST_TIMES  8  /* that a stage is wider than the one next to the picture */
#define SLOPE       0.2f
#define ACTIVATIONS 2 /* in a block, and layers that they are behind */

/* Of stage `level`, 0 next to the picture. */
static int width_of(const limn_model *model, int level) {
  const int times = 1 << level;
  return model->config->filters * (times < MOST_TIMES ? times : MOST_TIMES);
}

static int largest_group(int channels) {
  int group = GROUP;
  while (channels % group != 0)
    --group;
  return group;
}

/* He et al. 2015 for the slope, less what L blocks add up to (Zhang et al. 2019, "Fixup"). */
static double gain_of(const limn_model *model) {
  const double blocks = BLOCKS * (model->trunk.levels + 1);
  return sqrt(2 / (1 + (double)SLOPE * (double)SLOPE)) * pow(blocks, -1.0 / (2 * ACTIVATIONS));
}

/* "MainLayers.STAGE.Layers.PLACE.", before a part's name. */
struct place {
  int stage, place;
};
static const char *name_part(char name[LIMN_LAYER_NAME], struct place p, const char *part) {
  snprintf(name, LIMN_LAYER_NAME, "MainLayers.%d.Layers.%d%s%s", p.stage, p.place, part[0] ? "." : "", part);
  return name;
}

/* Weights begin at N(0, gain^2 / inputs of one output). */
static limn_conv_layer describe(const limn_scope *s, limn_value x, int channels, int kernel, int groups, double gain) {
  const int from = limn_graph_shape(s->graph, x).c;
  return (limn_conv_layer){.channels = channels,
                           .kernel_h = kernel,
                           .kernel_w = kernel,
                           .stride = 1,
                           .pad = kernel / 2,
                           .groups = groups,
                           .deviation = (float)(gain / sqrt((double)(kernel * kernel) * from / groups))};
}

/* 1x1, without bias. */
static limn_value mix(limn_scope *s, const char *name, limn_value x, int channels, double gain) {
  const limn_conv_layer layer = describe(s, x, channels, 1, 1, gain);
  return limn_layer_conv(s, name, x, &layer);
}

/* LinearLayer1 or 2, and the bias and leaky ReLU that are NonLinearity1 or 2. */
static limn_value activated(limn_scope *s, struct place p, int which, limn_value x, limn_conv_layer layer) {
  char name[LIMN_LAYER_NAME], part[32], bias[LIMN_LAYER_NAME];
  snprintf(part, sizeof part, "NonLinearity%d.Bias", which);
  layer.bias = true;
  layer.bias_name = name_part(bias, p, part);
  snprintf(part, sizeof part, "LinearLayer%d.Layer", which);
  x = limn_layer_conv(s, name_part(name, p, part), x, &layer);
  snprintf(part, sizeof part, "NonLinearity%d", which);
  return limn_layer_named_activation(s, name_part(name, p, part), LIMN_PW_LEAKY_RELU, x, SLOPE);
}

static limn_value add_block(limn_scope *s, const limn_model *model, struct place p, limn_value x) {
  char name[LIMN_LAYER_NAME];
  const int width = limn_graph_shape(s->graph, x).c, inner = EXPANSION * width;
  const double gain = gain_of(model);
  limn_value y = activated(s, p, 1, x, describe(s, x, inner, 1, 1, gain));
  y = activated(s, p, 2, y, describe(s, y, inner, 3, inner / largest_group(inner), gain));
  y = mix(s, name_part(name, p, "LinearLayer3.Layer"), y, width, 0);
  y = limn_graph_add(s->graph, x, y);
  limn_outline_note(s->outline, s->graph, name_part(name, p, ""), y, "sum with the block's input");
  return y;
}

static limn_value linear(limn_scope *s, const char *name, limn_value x, int channels) {
  const limn_shape from = limn_graph_shape(s->graph, x);
  return limn_layer_linear(s, name, x,
                           &(limn_conv_layer){.channels = channels, .deviation = (float)(1 / sqrt((double)from.c))});
}

/* Where channels change, a 1x1 convolution on the side of the smaller pictures. */
static limn_value change_width(limn_scope *s, struct place p, limn_value x, int width) {
  char name[LIMN_LAYER_NAME];
  if (limn_graph_shape(s->graph, x).c == width)
    return x;
  return mix(s, name_part(name, p, "LinearLayer.Layer"), x, width, 1);
}

static limn_value begin(limn_scope *s, const limn_model *model, limn_value z, int width) {
  const struct place p = {0, 0};
  const limn_shape shape = {1, width, model->trunk.base_height, model->trunk.base_width};
  char name[LIMN_LAYER_NAME];
  limn_value basis =
      limn_scope_leaf(s, name_part(name, p, ""), "Basis", LIMN_ROLE_PARAMETER, shape, (limn_initial){.deviation = 1});
  limn_graph_set_form(s->graph, basis, LIMN_FORM_PICTURE);
  limn_value scales = linear(s, name_part(name, p, "LinearLayer"), z, width);
  limn_value y = limn_graph_mul(s->graph, basis, scales);
  limn_outline_note(s->outline, s->graph, name_part(name, p, ""), y, "learned basis times the code's scales");
  return y;
}

limn_value limn_r3gan_generator(limn_scope *s, const limn_model *model, limn_value z) {
  const int last = model->trunk.levels;
  limn_value x = begin(s, model, z, width_of(model, last));
  for (int stage = 0; stage <= last; ++stage) {
    if (stage > 0) {
      x = change_width(s, (struct place){stage, 0}, x, width_of(model, last - stage));
      const limn_shape shape = limn_graph_shape(s->graph, x);
      x = limn_graph_resample(s->graph, x, LIMN_BILINEAR, 2 * shape.h, 2 * shape.w);
    }
    for (int i = 1; i <= BLOCKS; ++i)
      x = add_block(s, model, (struct place){stage, i}, x);
  }
  return mix(s, "AggregationLayer.Layer", x, model->config->channels, 1);
}

static limn_value halve(limn_scope *s, limn_value x) {
  const limn_shape shape = limn_graph_shape(s->graph, x);
  x = limn_graph_resample_dx(s->graph, x, LIMN_BILINEAR, shape.h / 2, shape.w / 2);
  return limn_graph_affine(s->graph, x, 0.25f, 0);
}

/* One filter a channel, over the whole base; then a score. */
static limn_value end(limn_scope *s, struct place p, limn_value x) {
  char name[LIMN_LAYER_NAME];
  const limn_shape shape = limn_graph_shape(s->graph, x);
  const limn_conv_layer basis = {.channels = shape.c,
                                 .kernel_h = shape.h,
                                 .kernel_w = shape.w,
                                 .stride = 1,
                                 .groups = shape.c,
                                 .deviation = (float)(1 / sqrt((double)shape.h * shape.w))};
  x = limn_layer_conv(s, name_part(name, p, "Basis"), x, &basis);
  return linear(s, name_part(name, p, "LinearLayer"), x, 1);
}

limn_value limn_r3gan_discriminator(limn_scope *s, const limn_model *model, limn_value x) {
  const int last = model->trunk.levels;
  x = mix(s, "ExtractionLayer.Layer", x, width_of(model, 0), 1);
  for (int stage = 0; stage <= last; ++stage) {
    for (int i = 0; i < BLOCKS; ++i)
      x = add_block(s, model, (struct place){stage, i}, x);
    if (stage < last)
      x = change_width(s, (struct place){stage, BLOCKS}, halve(s, x), width_of(model, stage + 1));
  }
  if (model->config->minibatch_stddev)
    x = limn_layer_minibatch_deviation(s, "MinibatchDeviation", x);
  return end(s, (struct place){last, BLOCKS}, x);
}

limn_value limn_r3gan_pixels(limn_graph *graph, const limn_model *model, limn_value output) {
  (void)model;
  return limn_graph_unary(graph, LIMN_PW_CLAMP, limn_graph_affine(graph, output, 0.5f, 0.5f), 0, 1);
}

const char *limn_r3gan_describe_output(const limn_config *config, const char *network) {
  if (strcmp(network, "discriminator") == 0)
    return limn_dcgan_describe_output(config, network);
  return "pictures in [-1, 1]; clip what is outside";
}
