/* Fills, random numbers, pointwise functions, sums; batches put together and taken apart. */
#include "graph/node.h"

static limn_value add_source(limn_graph *graph, limn_node node) {
  if (limn_shape_count(node.shape) < 1)
    return limn_graph_refuse(graph, LIMN_USAGE, "%s: the shape " LIMN_SHAPE_FORMAT " is empty", limn_op_name(&node),
                             LIMN_SHAPE_ARGS(node.shape));
  return limn_graph_append(graph, &node);
}

limn_value limn_graph_fill(limn_graph *graph, limn_shape shape, float value) {
  return add_source(graph, (limn_node){.op = LIMN_OP_FILL, .shape = shape, .alpha = value});
}

limn_value limn_graph_normal(limn_graph *graph, limn_shape shape, uint32_t stream) {
  return add_source(graph, (limn_node){.op = LIMN_OP_NORMAL, .shape = shape, .stream = stream});
}

limn_value limn_graph_uniform(limn_graph *graph, limn_shape shape, uint32_t stream) {
  return add_source(graph, (limn_node){.op = LIMN_OP_UNIFORM, .shape = shape, .stream = stream});
}

limn_value limn_graph_stack(limn_graph *graph, limn_value a, limn_value b) {
  limn_shape s = limn_graph_shape(graph, a), t = limn_graph_shape(graph, b);
  if (s.c != t.c || s.h != t.h || s.w != t.w)
    return limn_graph_refuse(graph, LIMN_USAGE,
                             "stack: " LIMN_SHAPE_FORMAT " and " LIMN_SHAPE_FORMAT " differ in more than N",
                             LIMN_SHAPE_ARGS(s), LIMN_SHAPE_ARGS(t));
  s.n += t.n;
  return limn_graph_append(graph, &(limn_node){.op = LIMN_OP_STACK, .shape = s, .input_count = 2, .inputs = {a, b}});
}

limn_value limn_graph_rows(limn_graph *graph, limn_value x, int32_t row, int32_t count) {
  limn_shape s = limn_graph_shape(graph, x);
  if (row < 0 || count < 1 || row > s.n - count)
    return limn_graph_refuse(graph, LIMN_USAGE, "rows: there are no %d from row %d on in " LIMN_SHAPE_FORMAT, count,
                             row, LIMN_SHAPE_ARGS(s));
  s.n = count;
  return limn_graph_append(graph,
                           &(limn_node){.op = LIMN_OP_ROWS, .shape = s, .input_count = 1, .inputs = {x}, .row = row});
}

limn_value limn_graph_unary(limn_graph *graph, limn_pointwise function, limn_value x, float alpha, float beta) {
  return limn_graph_append(graph, &(limn_node){.op = LIMN_OP_POINTWISE,
                                               .pointwise = function,
                                               .shape = limn_graph_shape(graph, x),
                                               .input_count = 1,
                                               .inputs = {x},
                                               .alpha = alpha,
                                               .beta = beta});
}

/* The common size of an axis, 0 when there is none. */
static int32_t common(int32_t a, int32_t b) { return a == b || b == 1 ? a : a == 1 ? b : 0; }

limn_value limn_graph_binary_alpha(limn_graph *graph, limn_pointwise function, limn_value x, limn_value y,
                                   float alpha) {
  limn_shape a = limn_graph_shape(graph, x), b = limn_graph_shape(graph, y);
  limn_node node = {.op = LIMN_OP_POINTWISE,
                    .pointwise = function,
                    .shape = {common(a.n, b.n), common(a.c, b.c), common(a.h, b.h), common(a.w, b.w)},
                    .input_count = 2,
                    .inputs = {x, y},
                    .alpha = alpha};
  if (!limn_shape_count(node.shape))
    return limn_graph_refuse(graph, LIMN_USAGE, "%s: " LIMN_SHAPE_FORMAT " and " LIMN_SHAPE_FORMAT " do not fit",
                             limn_op_name(&node), LIMN_SHAPE_ARGS(a), LIMN_SHAPE_ARGS(b));
  return limn_graph_append(graph, &node);
}

limn_value limn_graph_binary(limn_graph *graph, limn_pointwise function, limn_value x, limn_value y) {
  return limn_graph_binary_alpha(graph, function, x, y, 0);
}

limn_value limn_graph_broadcast(limn_graph *graph, limn_value x, limn_shape shape) {
  if (limn_shape_equal(limn_graph_shape(graph, x), shape))
    return x;
  return limn_graph_append(graph, &(limn_node){.op = LIMN_OP_POINTWISE,
                                               .pointwise = LIMN_PW_AFFINE,
                                               .shape = shape,
                                               .input_count = 1,
                                               .inputs = {x},
                                               .alpha = 1});
}

limn_value limn_graph_sum(limn_graph *graph, limn_value x, limn_shape shape) {
  limn_shape s = limn_graph_shape(graph, x);
  if (limn_shape_equal(s, shape))
    return x;
  if ((shape.n != 1 && shape.n != s.n) || (shape.c != 1 && shape.c != s.c) || (shape.h != 1 && shape.h != s.h) ||
      (shape.w != 1 && shape.w != s.w))
    return limn_graph_refuse(graph, LIMN_USAGE, "sum: " LIMN_SHAPE_FORMAT " does not reduce to " LIMN_SHAPE_FORMAT,
                             LIMN_SHAPE_ARGS(s), LIMN_SHAPE_ARGS(shape));
  return limn_graph_append(graph, &(limn_node){.op = LIMN_OP_SUM, .shape = shape, .input_count = 1, .inputs = {x}});
}

limn_value limn_graph_sum_all(limn_graph *graph, limn_value x) { return limn_graph_sum(graph, x, LIMN_SCALAR); }

limn_value limn_graph_mean_all(limn_graph *graph, limn_value x) {
  float count = (float)limn_shape_count(limn_graph_shape(graph, x));
  return limn_graph_affine(graph, limn_graph_sum_all(graph, x), 1 / count, 0);
}
