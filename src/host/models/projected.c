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
#define DEEPEST   32 /* of the stages: how much smaller its map is */
#define LAST      4  /* kernel of a head's last convolution */
#define SLOPE     0.2f
#define DEVIATION 0.02f /* of the heads' initial weights, which spectral normalisation makes irrelevant */

limn_value limn_projected_generator(limn_scope *s, const limn_model *model, limn_value z) {
  return model->config->generator == LIMN_GENERATOR_DCGAN ? limn_dcgan_generator(s, model, z)
                                                          : limn_sngan_generator(s, model, z);
}

limn_status limn_projector_part(const limn_config *config, limn_feature_part *part) {
  const limn_feature_network *network;
  LIMN_TRY(limn_feature_network_find(&network, config->projector));
  if (!network->stages[0])
    return limn_fail(
        LIMN_USAGE,
        "projector %s has no four stages that a discriminator looks at: take efficientnet_lite0 or a ResNet",
        config->projector);
  *part = (limn_feature_part){.network = network, .tap = network->stages[STAGES - 1], .prefix = LIMN_PROJECTOR};
  return LIMN_OK;
}

limn_status limn_projector_check(const limn_config *config) {
  limn_feature_part part;
  if (!limn_config_has_projector(config))
    return LIMN_OK;
  if (config->projector_size % DEEPEST != 0)
    return limn_fail(
        LIMN_USAGE,
        "projector_size %d is no multiple of %d, to a part of which the network's maps are halved: the nearest is %d",
        config->projector_size, DEEPEST, (config->projector_size + DEEPEST / 2) / DEEPEST * DEEPEST);
  return limn_projector_part(config, &part);
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
  limn_feature_part part = {.network = NULL};
  if (kept && kept->pictures == x) {
    memcpy(maps, kept->maps, sizeof kept->maps);
    return;
  }
  if (limn_projector_part(config, &part) != LIMN_OK) /* no model is made with another */
    return;
  const limn_feature_network *network = part.network;
  limn_value shown =
      limn_features_input(s->graph, network, limn_graph_affine(s->graph, x, 0.5f, 0.5f), config->projector_size);
  if (limn_features_build(network, s->graph, LIMN_PROJECTOR, shown, network->stages, STAGES, maps) != LIMN_OK)
    return;
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
  limn_value maps[STAGES] = {LIMN_NONE, LIMN_NONE, LIMN_NONE, LIMN_NONE};
  project(s, config, x, maps);
  if (limn_graph_status(s->graph) != LIMN_OK)
    return LIMN_NONE;
  const int last = limn_graph_shape(s->graph, maps[STAGES - 1]).h;
  for (int stage = 0; stage < STAGES; ++stage)
    maps[stage] = head(s, config->head_filters, stage, maps[stage], last);
  return limn_graph_concat(s->graph, maps, STAGES);
}
