#include "models/minibatch.h"

#include <math.h>

#include "graph/node.h"
#include "models/outline.h"

#define LARGEST_GROUP 4
#define EPS           1e-8f

static int32_t group_size(int32_t batch) {
  int32_t size = LARGEST_GROUP;
  while (batch % size != 0)
    --size;
  return size;
}

/* Of the groups of pictures first ... first + batch - 1: (batch, 1, 1, 1). */
static limn_value deviations(limn_graph *graph, limn_value x, int32_t first, int32_t batch) {
  const int32_t size = group_size(batch), groups = batch / size;
  limn_value members[LARGEST_GROUP], mean = LIMN_NONE, variance = LIMN_NONE;
  for (int32_t k = 0; k < size; ++k) {
    members[k] = limn_graph_rows(graph, x, first + k * groups, groups);
    mean = k ? limn_graph_add(graph, mean, members[k]) : members[k];
  }
  mean = limn_graph_affine(graph, mean, 1 / (float)size, 0);
  for (int32_t k = 0; k < size; ++k) {
    limn_value square = limn_graph_unary(graph, LIMN_PW_SQUARE, limn_graph_sub(graph, members[k], mean), 0, 0);
    variance = k ? limn_graph_add(graph, variance, square) : square;
  }
  variance = limn_graph_affine(graph, variance, 1 / (float)size, EPS);
  limn_value deviation = limn_graph_unary(graph, LIMN_PW_SQRT, variance, 0, 0);
  const limn_shape s = limn_graph_shape(graph, deviation);
  deviation = limn_graph_affine(graph, limn_graph_sum(graph, deviation, (limn_shape){groups, 1, 1, 1}),
                                1 / (float)(s.c * s.h * s.w), 0);
  limn_value all = deviation;
  for (int32_t k = 1; k < size; ++k)
    all = limn_graph_stack(graph, all, deviation);
  return all;
}

limn_value limn_layer_minibatch_deviation(limn_scope *s, const char *given, limn_value x) {
  char buffer[LIMN_LAYER_NAME];
  const char *name = limn_scope_layer_name(s, given, buffer);
  const limn_shape shape = limn_graph_shape(s->graph, x), channel = {shape.n, 1, shape.h, shape.w};
  const int32_t parts = s->mode.groups ? s->mode.groups : 1, batch = shape.n / parts;
  limn_value both[2] = {x, LIMN_NONE};
  if (s->mode.training)
    for (int32_t part = 0; part < parts; ++part) {
      limn_value of_part = deviations(s->graph, x, part * batch, batch);
      both[1] = part ? limn_graph_stack(s->graph, both[1], of_part) : of_part;
    }
  both[1] = s->mode.training ? limn_graph_broadcast(s->graph, both[1], channel)
                             : limn_graph_fill(s->graph, channel, sqrtf(EPS));
  limn_value y = limn_graph_concat(s->graph, both, 2);
  limn_outline_note(s->outline, s->graph, name, y, "minibatch standard deviation");
  return y;
}
