/* Fills, random numbers, pointwise functions, sums; batches put together and taken apart. */
#include "graph/op.h"

limn_value limn_graph_fill(limn_graph *graph, limn_shape shape, float value) {
  return limn_graph_append(graph, &(limn_node){.op = LIMN_OP_FILL, .shape = shape, .alpha = value});
}

limn_value limn_graph_normal(limn_graph *graph, limn_shape shape, uint32_t stream) {
  return limn_graph_append(graph, &(limn_node){.op = LIMN_OP_NORMAL, .shape = shape, .stream = stream});
}

limn_value limn_graph_uniform(limn_graph *graph, limn_shape shape, uint32_t stream) {
  return limn_graph_append(graph, &(limn_node){.op = LIMN_OP_UNIFORM, .shape = shape, .stream = stream});
}

void limn_stack_shape(limn_graph *graph, limn_node *n) {
  const limn_shape s = limn_graph_shape(graph, n->inputs[0]), t = limn_graph_shape(graph, n->inputs[1]);
  if (s.c != t.c || s.h != t.h || s.w != t.w)
    limn_graph_refuse(graph, LIMN_USAGE, "stack: " LIMN_SHAPE_FORMAT " and " LIMN_SHAPE_FORMAT " differ in more than N",
                      LIMN_SHAPE_ARGS(s), LIMN_SHAPE_ARGS(t));
  n->shape = (limn_shape){s.n + t.n, s.c, s.h, s.w};
}

limn_value limn_graph_stack(limn_graph *graph, limn_value a, limn_value b) {
  return limn_graph_append(graph, &(limn_node){.op = LIMN_OP_STACK, .input_count = 2, .inputs = {a, b}});
}

/* It is given how many. */
void limn_rows_shape(limn_graph *graph, limn_node *n) {
  const limn_shape s = limn_graph_shape(graph, n->inputs[0]);
  const int32_t count = n->shape.n;
  if (n->row < 0 || count < 1 || n->row > s.n - count)
    limn_graph_refuse(graph, LIMN_USAGE, "rows: there are no %d from row %d on in " LIMN_SHAPE_FORMAT, count, n->row,
                      LIMN_SHAPE_ARGS(s));
  n->shape = (limn_shape){count, s.c, s.h, s.w};
}

limn_value limn_graph_rows(limn_graph *graph, limn_value x, int32_t row, int32_t count) {
  return limn_graph_append(
      graph, &(limn_node){.op = LIMN_OP_ROWS, .shape = {.n = count}, .input_count = 1, .inputs = {x}, .row = row});
}

/* The common size of an axis, 0 when there is none. */
static int32_t common(int32_t a, int32_t b) { return a == b || b == 1 ? a : a == 1 ? b : 0; }

/* Of one input the shape that it is given, of two the one that both are repeated to. */
void limn_pointwise_shape(limn_graph *graph, limn_node *n) {
  const limn_shape a = limn_graph_shape(graph, n->inputs[0]);
  const limn_shape b = n->input_count > 1 ? limn_graph_shape(graph, n->inputs[1]) : n->shape;
  const limn_shape both = {common(a.n, b.n), common(a.c, b.c), common(a.h, b.h), common(a.w, b.w)};
  if (!limn_shape_count(both) || (n->input_count == 1 && !limn_shape_equal(both, b)))
    limn_graph_refuse(graph, LIMN_USAGE, "%s: " LIMN_SHAPE_FORMAT " and " LIMN_SHAPE_FORMAT " do not fit",
                      limn_op_name(n), LIMN_SHAPE_ARGS(a), LIMN_SHAPE_ARGS(b));
  n->shape = both;
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

limn_value limn_graph_binary_alpha_beta(limn_graph *graph, limn_pointwise function, limn_value x, limn_value y,
                                        float alpha, float beta) {
  return limn_graph_append(graph, &(limn_node){.op = LIMN_OP_POINTWISE,
                                               .pointwise = function,
                                               .input_count = 2,
                                               .inputs = {x, y},
                                               .alpha = alpha,
                                               .beta = beta});
}

limn_value limn_graph_binary_alpha(limn_graph *graph, limn_pointwise function, limn_value x, limn_value y,
                                   float alpha) {
  return limn_graph_binary_alpha_beta(graph, function, x, y, alpha, 0);
}

limn_value limn_graph_binary(limn_graph *graph, limn_pointwise function, limn_value x, limn_value y) {
  return limn_graph_binary_alpha(graph, function, x, y, 0);
}

limn_value limn_graph_add(limn_graph *graph, limn_value x, limn_value y) {
  return limn_graph_binary(graph, LIMN_PW_ADD, x, y);
}

limn_value limn_graph_sub(limn_graph *graph, limn_value x, limn_value y) {
  return limn_graph_binary(graph, LIMN_PW_SUB, x, y);
}

limn_value limn_graph_mul(limn_graph *graph, limn_value x, limn_value y) {
  return limn_graph_binary(graph, LIMN_PW_MUL, x, y);
}

limn_value limn_graph_affine(limn_graph *graph, limn_value x, float a, float b) {
  return limn_graph_unary(graph, LIMN_PW_AFFINE, x, a, b);
}

limn_value limn_graph_hold(limn_graph *graph, limn_value x) {
  return limn_graph_append(graph, &(limn_node){.op = LIMN_OP_POINTWISE,
                                               .pointwise = LIMN_PW_AFFINE,
                                               .shape = limn_graph_shape(graph, x),
                                               .input_count = 1,
                                               .inputs = {x},
                                               .alpha = 1,
                                               .held = true});
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

void limn_sum_shape(limn_graph *graph, limn_node *n) {
  const limn_shape s = limn_graph_shape(graph, n->inputs[0]), to = n->shape;
  if ((to.n != 1 && to.n != s.n) || (to.c != 1 && to.c != s.c) || (to.h != 1 && to.h != s.h) ||
      (to.w != 1 && to.w != s.w))
    limn_graph_refuse(graph, LIMN_USAGE, "sum: " LIMN_SHAPE_FORMAT " does not reduce to " LIMN_SHAPE_FORMAT,
                      LIMN_SHAPE_ARGS(s), LIMN_SHAPE_ARGS(to));
}

limn_value limn_graph_sum(limn_graph *graph, limn_value x, limn_shape shape) {
  if (limn_shape_equal(limn_graph_shape(graph, x), shape))
    return x;
  return limn_graph_append(graph, &(limn_node){.op = LIMN_OP_SUM, .shape = shape, .input_count = 1, .inputs = {x}});
}

limn_value limn_graph_sum_all(limn_graph *graph, limn_value x) { return limn_graph_sum(graph, x, LIMN_SCALAR); }

limn_value limn_graph_mean_all(limn_graph *graph, limn_value x) {
  float count = (float)limn_shape_count(limn_graph_shape(graph, x));
  return limn_graph_affine(graph, limn_graph_sum_all(graph, x), 1 / count, 0);
}

void limn_log_sum_exp_shape(limn_graph *graph, limn_node *n) {
  n->shape = limn_graph_shape(graph, n->inputs[0]);
  n->shape.c = 1;
}

limn_value limn_graph_log_sum_exp(limn_graph *graph, limn_value x) {
  return limn_graph_append(graph, &(limn_node){.op = LIMN_OP_LOG_SUM_EXP, .input_count = 1, .inputs = {x}});
}

limn_value limn_graph_log_softmax(limn_graph *graph, limn_value x) {
  return limn_graph_sub(graph, x, limn_graph_log_sum_exp(graph, x));
}

limn_value limn_graph_softmax(limn_graph *graph, limn_value x) {
  return limn_graph_unary(graph, LIMN_PW_EXP, limn_graph_log_softmax(graph, x), 0, 0);
}
