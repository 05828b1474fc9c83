/* A part of a pretrained network, from pictures to one of its maps: what an encoder reads. */
#include "base/error.h"
#include "models/features/features.h"

#define SMALLEST 8 /* side of pictures that anything is trained on */

limn_value limn_features_input(limn_graph *graph, const limn_feature_network *network, limn_value x, int size) {
  limn_value colours[3];
  const bool grey = limn_graph_shape(graph, x).c == 1;
  if (size > 0)
    x = limn_graph_resample(graph, x, LIMN_BILINEAR, size, size);
  for (int c = 0; c < 3; ++c)
    colours[c] = limn_graph_affine(graph, grey ? x : limn_graph_slice(graph, x, c, 1), 255 * network->scale[c],
                                   network->shift[c]);
  return limn_graph_concat(graph, colours, 3);
}

/* The tap's shape for pictures of that size; what it fails for where there is none. */
static limn_status shape_at(const limn_feature_network *network, const char *tap, int height, int width,
                            limn_shape *shape) {
  limn_graph *graph;
  limn_value map;
  LIMN_TRY(limn_graph_create(&graph));
  limn_value x = limn_graph_leaf(graph, LIMN_ROLE_INPUT, "pictures", (limn_shape){1, 3, height, width});
  limn_status status = limn_features_build(network, graph, "part", x, &tap, 1, &map);
  if (status == LIMN_OK)
    *shape = limn_graph_shape(graph, map);
  limn_graph_destroy(graph);
  return status;
}

static bool is_map(const limn_feature_network *network, const char *tap) {
  limn_shape shape;
  return shape_at(network, tap, network->size, network->size, &shape) == LIMN_OK && shape.h * shape.w > 1;
}

/* The least side of square pictures that the tap can be reached from. */
static int smallest_side(const limn_feature_network *network, const char *tap) {
  limn_shape shape;
  int side = SMALLEST;
  while (side < network->size && shape_at(network, tap, side, side, &shape) != LIMN_OK)
    ++side;
  return side;
}

/* The deepest map that pictures of that size reach; NULL: none. */
static const char *deepest_map(const limn_feature_network *network, int height, int width) {
  const char *deepest = NULL;
  limn_shape shape;
  for (int i = 0; network->taps[i]; ++i)
    if (is_map(network, network->taps[i]) && shape_at(network, network->taps[i], height, width, &shape) == LIMN_OK)
      deepest = network->taps[i];
  return deepest;
}

limn_status limn_feature_part_check(const limn_feature_part *part, int height, int width) {
  const limn_feature_network *network = part->network;
  limn_shape shape;
  LIMN_TRY(shape_at(network, part->tap, network->size, network->size, &shape));
  if (shape.h * shape.w == 1)
    return limn_fail(LIMN_USAGE, "%s of %s is no map: take one of its layers before, such as %s", part->tap,
                     network->name, network->last_map);
  if (shape_at(network, part->tap, height, width, &shape) == LIMN_OK)
    return LIMN_OK;
  const int side = smallest_side(network, part->tap);
  const char *deepest = deepest_map(network, height, width);
  if (deepest)
    return limn_fail(LIMN_USAGE, "%s of %s wants pictures of at least %dx%d, and these are %dx%d: take a tap up to %s",
                     part->tap, network->name, side, side, height, width, deepest);
  return limn_fail(LIMN_USAGE, "%s of %s wants pictures of at least %dx%d, and these are %dx%d: take a larger size",
                   part->tap, network->name, side, side, height, width);
}
