#include "models/pretrained_encoder.h"

#include <string.h>

#include "base/error.h"
#include "models/outline.h"

#define EPS 1e-6f /* under the mean square, so that a map of zeros stays one */

limn_status limn_pretrained_encoder_part(const limn_config *config, limn_feature_part *part) {
  const limn_feature_network *network;
  LIMN_TRY(limn_feature_network_find(&network, config->encoder));
  const bool chosen = strcmp(config->encoder_tap, "auto") != 0;
  *part = (limn_feature_part){.network = network,
                              .tap = chosen ? config->encoder_tap : network->last_map,
                              .prefix = LIMN_PRETRAINED,
                              .trained = !limn_config_has_frozen_encoder(config)};
  return LIMN_OK;
}

limn_status limn_pretrained_encoder_check(const limn_config *config) {
  limn_feature_part part;
  if (!limn_config_has_pretrained_encoder(config))
    return LIMN_OK;
  LIMN_TRY(limn_pretrained_encoder_part(config, &part));
  return limn_feature_part_check(&part, config->height, config->width);
}

static limn_value at_mean_square_1(limn_graph *graph, limn_value map) {
  const limn_shape s = limn_graph_shape(graph, map);
  limn_value squares =
      limn_graph_sum(graph, limn_graph_unary(graph, LIMN_PW_SQUARE, map, 0, 0), (limn_shape){s.n, 1, 1, 1});
  limn_value mean = limn_graph_affine(graph, squares, 1 / ((float)s.c * (float)s.h * (float)s.w), 0);
  return limn_graph_mul(graph, map, limn_graph_unary(graph, LIMN_PW_RSQRT, mean, EPS, 0));
}

limn_value limn_pretrained_encoder_map(limn_scope *s, const limn_config *config, limn_value x) {
  limn_feature_part part;
  limn_value map;
  if (limn_pretrained_encoder_part(config, &part) != LIMN_OK) /* no model is made with another */
    return LIMN_NONE;
  x = limn_features_input(s->graph, part.network, x, 0);
  if (limn_feature_part_build(&part, s->graph, x, &map) != LIMN_OK)
    return LIMN_NONE;
  map = at_mean_square_1(s->graph, map);
  limn_outline_note(s->outline, s->graph, "pretrained", map, "%s up to %s%s", part.network->name, part.tap,
                    part.trained ? "" : ", frozen");
  return map;
}
