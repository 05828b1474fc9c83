/* Channels put together and taken apart. */
#include "graph/op.h"

void limn_concat_shape(limn_graph *graph, limn_node *n) {
  const limn_shape s = limn_graph_shape(graph, n->inputs[0]);
  n->shape = s;
  for (int i = 1; i < n->input_count; ++i) {
    const limn_shape t = limn_graph_shape(graph, n->inputs[i]);
    if (s.n != t.n || s.h != t.h || s.w != t.w)
      limn_graph_refuse(graph, LIMN_USAGE,
                        "concat: " LIMN_SHAPE_FORMAT " and " LIMN_SHAPE_FORMAT " differ in more than C",
                        LIMN_SHAPE_ARGS(s), LIMN_SHAPE_ARGS(t));
    if (__builtin_add_overflow(n->shape.c, t.c, &n->shape.c)) {
      limn_graph_refuse(graph, LIMN_USAGE, "concat: more channels than there are numbers for");
      return;
    }
  }
}

limn_value limn_graph_concat(limn_graph *graph, const limn_value *values, int count) {
  limn_node node = {.op = LIMN_OP_CONCAT, .input_count = count};
  for (int i = 0; i < count && i < LIMN_MAX_INPUTS; ++i)
    node.inputs[i] = values[i];
  return limn_graph_append(graph, &node);
}

/* It is given how many. */
void limn_slice_shape(limn_graph *graph, limn_node *n) {
  const limn_shape s = limn_graph_shape(graph, n->inputs[0]);
  const int32_t count = n->shape.c;
  if (n->channel < 0 || count < 1 || n->channel > s.c - count)
    limn_graph_refuse(graph, LIMN_USAGE, "slice: there are no %d from channel %d on in " LIMN_SHAPE_FORMAT, count,
                      n->channel, LIMN_SHAPE_ARGS(s));
  n->shape = (limn_shape){s.n, count, s.h, s.w};
}

limn_value limn_graph_slice(limn_graph *graph, limn_value x, int32_t channel, int32_t count) {
  return limn_graph_append(
      graph,
      &(limn_node){.op = LIMN_OP_SLICE, .shape = {.c = count}, .input_count = 1, .inputs = {x}, .channel = channel});
}
