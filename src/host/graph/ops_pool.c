/* Pooling and resampling: what changes the sides of pictures by a fixed rule. */
#include "graph/op.h"

/* How many windows lie along a side; 0 when that is not one at least, or one of them lies in padding alone. */
static int32_t window_count(int64_t side, int64_t window, int64_t stride, int64_t pad, int64_t extra) {
  if (window < 1 || stride < 1 || pad < 0 || extra < 0 || pad >= window || side + 2 * pad + extra < window ||
      window > INT32_MAX / 2) /* so that where one ends is a number of 32 bits, too */
    return 0;
  const int64_t count = (side + 2 * pad + extra - window) / stride + 1;
  return (count - 1) * stride - pad < side ? (int32_t)count : 0;
}

static limn_shape pooled(limn_shape s, limn_pool_attrs a) {
  return (limn_shape){s.n, s.c, window_count(s.h, a.window_h, a.stride_h, a.pad_h, a.extra_h),
                      window_count(s.w, a.window_w, a.stride_w, a.pad_w, a.extra_w)};
}

/* Of AVG_POOL_DX the picture is the result, whose shape is given; of the others the first input. */
void limn_pool_shape(limn_graph *graph, limn_node *n) {
  const limn_pool_attrs a = n->pool;
  const limn_shape x = n->op == LIMN_OP_AVG_POOL_DX ? n->shape : limn_graph_shape(graph, n->inputs[0]);
  const limn_shape y = pooled(x, a), other = limn_graph_shape(graph, n->inputs[n->input_count - 1]);
  if (limn_shape_count(x) < 1 || y.h < 1 || y.w < 1)
    limn_graph_refuse(
        graph, LIMN_USAGE,
        "%s: windows of %dx%d with stride %dx%d, padding %dx%d and %dx%d more behind do not all lie on some "
        "of " LIMN_SHAPE_FORMAT,
        limn_op_name(n), a.window_h, a.window_w, a.stride_h, a.stride_w, a.pad_h, a.pad_w, a.extra_h, a.extra_w,
        LIMN_SHAPE_ARGS(x));
  else if ((n->op == LIMN_OP_MAX_POOL_DX || n->op == LIMN_OP_AVG_POOL_DX) && !limn_shape_equal(other, y))
    limn_graph_refuse(graph, LIMN_USAGE, "%s: dy is " LIMN_SHAPE_FORMAT ", not " LIMN_SHAPE_FORMAT, limn_op_name(n),
                      LIMN_SHAPE_ARGS(other), LIMN_SHAPE_ARGS(y));
  else if (n->op == LIMN_OP_MAX_POOL_PICK && !limn_shape_equal(other, x))
    limn_graph_refuse(graph, LIMN_USAGE, "%s: v is " LIMN_SHAPE_FORMAT ", not " LIMN_SHAPE_FORMAT, limn_op_name(n),
                      LIMN_SHAPE_ARGS(other), LIMN_SHAPE_ARGS(x));
  n->shape = n->op == LIMN_OP_MAX_POOL_DX || n->op == LIMN_OP_AVG_POOL_DX ? x : y;
}

static limn_value add_pool(limn_graph *graph, limn_op op, limn_value first, limn_value second, limn_pool_attrs attrs,
                           limn_shape shape) {
  return limn_graph_append(graph, &(limn_node){.op = op,
                                               .shape = shape,
                                               .input_count = second == LIMN_NONE ? 1 : 2,
                                               .inputs = {first, second},
                                               .pool = attrs});
}

limn_value limn_graph_max_pool(limn_graph *graph, limn_value x, limn_pool_attrs attrs) {
  return add_pool(graph, LIMN_OP_MAX_POOL, x, LIMN_NONE, attrs, LIMN_SCALAR);
}

limn_value limn_graph_max_pool_dx(limn_graph *graph, limn_value x, limn_value dy, limn_pool_attrs attrs) {
  return add_pool(graph, LIMN_OP_MAX_POOL_DX, x, dy, attrs, LIMN_SCALAR);
}

limn_value limn_graph_max_pool_pick(limn_graph *graph, limn_value x, limn_value v, limn_pool_attrs attrs) {
  return add_pool(graph, LIMN_OP_MAX_POOL_PICK, x, v, attrs, LIMN_SCALAR);
}

limn_value limn_graph_avg_pool(limn_graph *graph, limn_value x, limn_pool_attrs attrs) {
  return add_pool(graph, LIMN_OP_AVG_POOL, x, LIMN_NONE, attrs, LIMN_SCALAR);
}

limn_value limn_graph_avg_pool_dx(limn_graph *graph, limn_value dy, limn_pool_attrs attrs, limn_shape shape) {
  return add_pool(graph, LIMN_OP_AVG_POOL_DX, dy, LIMN_NONE, attrs, shape);
}

/* It is given the sides. */
void limn_resample_shape(limn_graph *graph, limn_node *n) {
  const limn_shape s = limn_graph_shape(graph, n->inputs[0]);
  n->shape.n = s.n;
  n->shape.c = s.c;
  if (n->shape.h < 1 || n->shape.w < 1)
    limn_graph_refuse(graph, LIMN_USAGE, "%s: " LIMN_SHAPE_FORMAT " cannot become %d x %d", limn_op_name(n),
                      LIMN_SHAPE_ARGS(s), n->shape.h, n->shape.w);
}

static limn_value add_resample(limn_graph *graph, limn_op op, limn_value x, limn_resampling how, int32_t height,
                               int32_t width) {
  return limn_graph_append(
      graph,
      &(limn_node){.op = op, .shape = {.h = height, .w = width}, .input_count = 1, .inputs = {x}, .resampling = how});
}

limn_value limn_graph_resample(limn_graph *graph, limn_value x, limn_resampling how, int32_t height, int32_t width) {
  return add_resample(graph, LIMN_OP_RESAMPLE, x, how, height, width);
}

limn_value limn_graph_resample_dx(limn_graph *graph, limn_value dy, limn_resampling how, int32_t height,
                                  int32_t width) {
  return add_resample(graph, LIMN_OP_RESAMPLE_DX, dy, how, height, width);
}
