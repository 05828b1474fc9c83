#include "models/projected.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "graph/node.h"
#include "models/dcgan.h"
#include "models/features/features.h"
#include "models/outline.h"
#include "models/sngan.h"

#define STAGES    LIMN_PROJECTIONS
#define MIXED     64 /* channels of the first mixture over channels, doubled at each stage */
#define LAST      4  /* kernel of a head's last convolution */
#define SLOPE     0.2f
#define DEVIATION 0.02f /* of the heads' initial weights, which spectral normalisation makes irrelevant */

limn_value limn_projected_generator(limn_scope *s, const limn_model *model, limn_value z) {
  return model->config->generator == LIMN_GENERATOR_DCGAN ? limn_dcgan_generator(s, model, z)
                                                          : limn_sngan_generator(s, model, z);
}

/* Pictures in [-1, 1] as the pretrained network was trained to read them: of its size, three channels, each with its
 * scale and shift. */
static limn_value to_input(limn_graph *graph, const limn_feature_network *network, limn_value x, int size) {
  limn_value colours[3];
  const limn_shape shape = limn_graph_shape(graph, x);
  const bool grey = shape.c == 1;
  if (shape.h != size || shape.w != size)
    x = limn_graph_resample(graph, x, LIMN_BILINEAR, size, size);
  for (int c = 0; c < 3; ++c)
    colours[c] = limn_graph_affine(graph, grey ? x : limn_graph_slice(graph, x, c, 1), 127.5f * network->scale[c],
                                   127.5f * network->scale[c] + network->shift[c]);
  return limn_graph_concat(graph, colours, 3);
}

/* A 1x1 convolution that stays as it began (He et al. 2015). */
static limn_value mix(limn_scope *s, const char *name, limn_value x, int channels) {
  const int from = limn_graph_shape(s->graph, x).c;
  limn_value w = limn_scope_leaf(s, name, "weight", LIMN_ROLE_BUFFER, (limn_shape){channels, from, 1, 1},
                                 (limn_initial){.deviation = sqrtf(2.0f / (float)from)});
  limn_graph_set_form(s->graph, w, LIMN_FORM_KERNEL);
  return limn_graph_conv(s->graph, x, w, LIMN_NONE, (limn_conv_attrs){1, 1, 0, 0});
}

static limn_value twice(limn_graph *graph, limn_value x) {
  const limn_shape shape = limn_graph_shape(graph, x);
  return limn_graph_resample(graph, x, LIMN_BILINEAR, 2 * shape.h, 2 * shape.w);
}

/* The mixtures of the stages, the largest first. What a convolution of 1x1 makes of a map and bilinear resampling of
 * that are the same in either order; on the smaller map it costs a quarter. */
static void mix_stages(limn_scope *s, limn_value maps[STAGES]) {
  limn_value above = LIMN_NONE;
  char name[LIMN_LAYER_NAME];
  for (int stage = STAGES - 1; stage >= 0; --stage) {
    snprintf(name, sizeof name, "channels%d", stage);
    limn_value x = mix(s, name, maps[stage], MIXED << stage);
    if (above != LIMN_NONE)
      x = limn_graph_add(s->graph, x, above);
    snprintf(name, sizeof name, "scales%d", stage);
    above = twice(s->graph, mix(s, name, x, stage ? MIXED << (stage - 1) : MIXED));
    maps[stage] = above;
  }
}

static limn_value normalised(limn_scope *s, const char *name, int index, limn_value x, const limn_conv_layer *layer) {
  char full[LIMN_LAYER_NAME];
  snprintf(full, sizeof full, "%s.%d", name, 3 * index);
  x = limn_layer_conv(s, full, x, layer);
  snprintf(full, sizeof full, "%s.%d", name, 3 * index + 1);
  x = limn_layer_batchnorm(s, full, x, 0);
  snprintf(full, sizeof full, "%s.%d", name, 3 * index + 2);
  return limn_layer_named_activation(s, full, LIMN_PW_LEAKY_RELU, x, SLOPE);
}

/* Halves the map down to `last` a side, then scores what a 4x4 window sees. */
static limn_value head(limn_scope *s, int filters, int stage, limn_value x, int last) {
  char name[LIMN_LAYER_NAME], full[LIMN_LAYER_NAME + 16];
  int index = 0, width = filters;
  snprintf(name, sizeof name, "head%d", stage);
  const bool small = limn_graph_shape(s->graph, x).h == last;
  if (small)
    x = normalised(s, name, index++, x,
                   &(limn_conv_layer){.channels = 4 * filters,
                                      .kernel_h = 3,
                                      .kernel_w = 3,
                                      .stride = 1,
                                      .pad = 1,
                                      .spectral = true,
                                      .deviation = DEVIATION});
  while (limn_graph_shape(s->graph, x).h > last) {
    limn_conv_layer down = limn_trunk_step(width, false, DEVIATION);
    down.spectral = true;
    x = normalised(s, name, index++, x, &down);
    width = width < 4 * filters ? 2 * width : width;
  }
  snprintf(full, sizeof full, "%s.%d", name, 3 * index);
  return limn_layer_conv(
      s, full, x,
      &(limn_conv_layer){
          .channels = 1, .kernel_h = LAST, .kernel_w = LAST, .stride = 1, .spectral = true, .deviation = DEVIATION});
}

/* The mixtures of x, or those that were made of it before. */
static void project(limn_scope *s, const limn_config *config, limn_value x, limn_value maps[STAGES]) {
  limn_projection *kept = s->mode.projection;
  const limn_feature_network *network;
  if (kept && kept->pictures == x) {
    memcpy(maps, kept->maps, sizeof kept->maps);
    return;
  }
  if (limn_feature_network_find(&network, config->projector) != LIMN_OK) {
    limn_graph_refuse(s->graph, LIMN_USAGE, "%s", limn_error_message());
    return;
  }
  if (limn_features_build(network, s->graph, LIMN_PROJECTOR, to_input(s->graph, network, x, config->projector_size),
                          network->stages, STAGES, maps) != LIMN_OK) {
    limn_graph_refuse(s->graph, LIMN_USAGE, "%s", limn_error_message());
    return;
  }
  limn_outline_note(s->outline, s->graph, network->name, maps[STAGES - 1], "pretrained, frozen");
  mix_stages(s, maps);
  limn_outline_note(s->outline, s->graph, "mix", maps[0], "random, frozen");
  if (kept) {
    kept->pictures = x;
    memcpy(kept->maps, maps, sizeof kept->maps);
  }
}

limn_value limn_projected_discriminator(limn_scope *s, const limn_model *model, limn_value x) {
  const limn_config *config = model->config;
  limn_value maps[STAGES];
  project(s, config, x, maps);
  if (limn_graph_status(s->graph) != LIMN_OK)
    return LIMN_NONE;
  const int last = limn_graph_shape(s->graph, maps[STAGES - 1]).h;
  for (int stage = 0; stage < STAGES; ++stage)
    maps[stage] = head(s, config->head_filters, stage, maps[stage], last);
  return limn_graph_concat(s->graph, maps, STAGES);
}
