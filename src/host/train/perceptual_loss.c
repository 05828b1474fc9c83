#include "train/perceptual_loss.h"

#include "base/error.h"
#include "checkpoint/pretrained.h"
#include "infer/feature_files.h"
#include "models/features/features.h"

#define PREFIX "perceptual" /* of the leaves */
#define EPS    1e-6f        /* under the squared length of a vector, so that the gradient of none is bounded */

/* Vectors of channels at length 1. */
static limn_value normalise(limn_graph *graph, limn_value map) {
  limn_shape one = limn_graph_shape(graph, map);
  one.c = 1;
  limn_value squares = limn_graph_sum(graph, limn_graph_unary(graph, LIMN_PW_SQUARE, map, 0, 0), one);
  return limn_graph_mul(graph, map, limn_graph_unary(graph, LIMN_PW_RSQRT, squares, EPS, 0));
}

limn_status limn_loss_perceptual(limn_graph *graph, const limn_config *config, limn_value x, limn_value y,
                                 limn_value *loss) {
  const limn_feature_network *network;
  const limn_value pictures[2] = {x, y};
  limn_value maps[2];
  LIMN_TRY(limn_feature_network_find(&network, config->perceptual_network));
  for (int i = 0; i < 2; ++i) {
    const char *tap = config->perceptual_tap;
    limn_value input = limn_features_input(graph, network, pictures[i], config->perceptual_size);
    LIMN_TRY(limn_features_build(network, graph, PREFIX, input, &tap, 1, &maps[i]));
  }
  const limn_shape map = limn_graph_shape(graph, maps[0]);
  limn_value difference = limn_graph_sub(graph, normalise(graph, maps[0]), normalise(graph, maps[1]));
  limn_value sum = limn_graph_sum_all(graph, limn_graph_unary(graph, LIMN_PW_SQUARE, difference, 0, 0));
  *loss = limn_graph_affine(graph, sum, 1 / ((float)map.n * (float)map.h * (float)map.w), 0);
  return limn_graph_status(graph);
}

limn_status limn_perceptual_load(limn_store *store, const limn_config *config) {
  const limn_feature_network *network;
  limn_safetensors *file = NULL;
  char path[4096];
  LIMN_TRY(limn_feature_file_open(&file, config->perceptual_network, &network, path, sizeof path));
  limn_status status = limn_pretrained_load(store, network, PREFIX, file, path);
  limn_safetensors_close(file);
  return status;
}
