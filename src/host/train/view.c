#include "train/view.h"

#include "base/philox.h"
#include "graph/node.h"
#include "train/augment.h"

uint32_t limn_view_stream(limn_look look, int what) {
  return (uint32_t)LIMN_STREAM_VIEW + 8 * (uint32_t)look + (uint32_t)what;
}

limn_value limn_view_course(limn_graph *graph, limn_course which) {
  limn_value course = limn_graph_leaf(graph, LIMN_ROLE_INPUT, LIMN_VIEW_COURSE, LIMN_CHANNELS(LIMN_COURSES));
  return limn_graph_slice(graph, course, (int32_t)which, 1);
}

limn_value limn_view_pack(limn_graph *graph, limn_value x, int pack, int groups) {
  if (pack == 1)
    return x;
  const int32_t part = limn_graph_shape(graph, x).n / groups, inputs = part / pack;
  if (part % pack)
    return limn_graph_refuse(graph, LIMN_USAGE, "%d pictures cannot be packed %d at a time", part, pack);
  limn_value packed = LIMN_NONE, members[LIMN_MAX_INPUTS];
  for (int g = 0; g < groups; ++g) {
    for (int k = 0; k < pack; ++k)
      members[k] = limn_graph_rows(graph, x, g * part + k * inputs, inputs);
    limn_value some = limn_graph_concat(graph, members, pack);
    packed = g ? limn_graph_stack(graph, packed, some) : some;
  }
  return packed;
}

/* x + sigma epsilon (Sonderby et al. 2017; Arjovsky & Bottou 2017), sigma falling to 0. */
static limn_value blur(limn_graph *graph, limn_value x, limn_look look) {
  limn_value noise = limn_graph_normal(graph, limn_graph_shape(graph, x), limn_view_stream(look, LIMN_VIEW_NOISE));
  return limn_graph_add(graph, x, limn_graph_mul(graph, noise, limn_view_course(graph, LIMN_COURSE_NOISE)));
}

limn_value limn_view_of(limn_graph *graph, const limn_config *config, limn_value pictures, limn_look look, int groups) {
  if (config->augment != LIMN_AUGMENT_NONE)
    pictures = limn_augment(graph, config, pictures, look);
  if (config->instance_noise > 0)
    pictures = blur(graph, pictures, look);
  return limn_view_pack(graph, pictures, config->pack, groups);
}
