/* The convolutions, and batch normalisation. */
#include "graph/node.h"

/* y's side for an input side x, a kernel side k. */
static int32_t out_side(int32_t x, int32_t k, int32_t stride, int32_t pad) { return (x + 2 * pad - k) / stride + 1; }

/* Whether x (N, I, H, W), w (O, I, KH, KW) and y (N, O, OH, OW) are one convolution. */
static bool conv_fits(limn_shape x, limn_shape w, limn_shape y, limn_conv_attrs a) {
  return a.stride_h >= 1 && a.stride_w >= 1 && a.pad_h >= 0 && a.pad_w >= 0 && x.n == y.n && x.c == w.c && y.c == w.n &&
         x.h + 2 * a.pad_h >= w.h && x.w + 2 * a.pad_w >= w.w && y.h == out_side(x.h, w.h, a.stride_h, a.pad_h) &&
         y.w == out_side(x.w, w.w, a.stride_w, a.pad_w);
}

static limn_value add_conv(limn_graph *graph, limn_op op, limn_value first, limn_value second, limn_value bias,
                           limn_conv_attrs attrs, limn_shape shape) {
  if (first == LIMN_NONE || second == LIMN_NONE)
    return limn_graph_refuse(graph, LIMN_USAGE, "a convolution needs two inputs");
  limn_shape a = limn_graph_shape(graph, first), b = limn_graph_shape(graph, second);
  bool fits = op == LIMN_OP_CONV      ? conv_fits(a, b, shape, attrs)
              : op == LIMN_OP_CONV_DX ? conv_fits(shape, b, a, attrs)
                                      : conv_fits(a, shape, b, attrs);
  limn_node node = {.op = op, .shape = shape, .input_count = 2, .inputs = {first, second}, .conv = attrs};
  if (!fits)
    return limn_graph_refuse(graph, LIMN_USAGE,
                             "%s: " LIMN_SHAPE_FORMAT " and " LIMN_SHAPE_FORMAT " do not make " LIMN_SHAPE_FORMAT
                             " with stride %dx%d and padding %dx%d",
                             limn_op_name(&node), LIMN_SHAPE_ARGS(a), LIMN_SHAPE_ARGS(b), LIMN_SHAPE_ARGS(shape),
                             attrs.stride_h, attrs.stride_w, attrs.pad_h, attrs.pad_w);
  if (bias != LIMN_NONE) {
    if (!limn_shape_equal(limn_graph_shape(graph, bias), LIMN_CHANNELS(shape.c)))
      return limn_graph_refuse(graph, LIMN_USAGE, "%s: the bias is not (1, %d, 1, 1)", limn_op_name(&node), shape.c);
    node.inputs[node.input_count++] = bias;
  }
  return limn_graph_append(graph, &node);
}

limn_value limn_graph_conv(limn_graph *graph, limn_value x, limn_value w, limn_value bias, limn_conv_attrs attrs) {
  limn_shape xs = limn_graph_shape(graph, x), ws = limn_graph_shape(graph, w);
  if (attrs.stride_h < 1 || attrs.stride_w < 1)
    return limn_graph_refuse(graph, LIMN_USAGE, "conv: stride %dx%d", attrs.stride_h, attrs.stride_w);
  limn_shape shape = {xs.n, ws.n, out_side(xs.h, ws.h, attrs.stride_h, attrs.pad_h),
                      out_side(xs.w, ws.w, attrs.stride_w, attrs.pad_w)};
  return add_conv(graph, LIMN_OP_CONV, x, w, bias, attrs, shape);
}

limn_value limn_graph_conv_dx(limn_graph *graph, limn_value y, limn_value w, limn_value bias, limn_conv_attrs attrs,
                              limn_shape shape) {
  return add_conv(graph, LIMN_OP_CONV_DX, y, w, bias, attrs, shape);
}

limn_value limn_graph_conv_dw(limn_graph *graph, limn_value x, limn_value y, limn_conv_attrs attrs, limn_shape shape) {
  return add_conv(graph, LIMN_OP_CONV_DW, x, y, LIMN_NONE, attrs, shape);
}

limn_value limn_graph_dense(limn_graph *graph, limn_value x, limn_value w, limn_value bias) {
  return limn_graph_conv(graph, x, w, bias, (limn_conv_attrs){1, 1, 0, 0});
}

/* Whether every group of the batch has a variance; refused by that name where not. */
static bool groups_fit(limn_graph *graph, const char *op, limn_shape s, int32_t groups) {
  if (groups < 1 || s.n % groups != 0)
    limn_graph_refuse(graph, LIMN_USAGE, "%s: a batch of %d does not divide into %d groups", op, s.n, groups);
  else if ((int64_t)s.n / groups * s.h * s.w < 2)
    limn_graph_refuse(graph, LIMN_USAGE, "%s: one value a channel has no variance; use a batch of at least %d", op,
                      2 * groups);
  else
    return true;
  return false;
}

static int32_t groups_of(limn_batchnorm_attrs attrs) { return attrs.groups == 0 ? 1 : attrs.groups; }

limn_value limn_graph_batchnorm(limn_graph *graph, limn_value x, limn_value gamma, limn_value beta,
                                limn_batchnorm_attrs attrs) {
  limn_shape s = limn_graph_shape(graph, x);
  if (!groups_fit(graph, "batchnorm", s, groups_of(attrs)))
    return LIMN_NONE;
  if (!limn_shape_equal(limn_graph_shape(graph, gamma), LIMN_CHANNELS(s.c)) ||
      !limn_shape_equal(limn_graph_shape(graph, beta), LIMN_CHANNELS(s.c)))
    return limn_graph_refuse(graph, LIMN_USAGE, "batchnorm: gamma and beta must be (1, %d, 1, 1)", s.c);
  return limn_graph_append(graph, &(limn_node){.op = LIMN_OP_BATCHNORM,
                                               .shape = s,
                                               .input_count = 3,
                                               .inputs = {x, gamma, beta},
                                               .alpha = attrs.eps,
                                               .groups = groups_of(attrs)});
}

limn_value limn_graph_batchnorm_inference(limn_graph *graph, limn_value x, limn_value gamma, limn_value beta,
                                          limn_value mean, limn_value variance, float eps) {
  limn_value scale = limn_graph_mul(graph, gamma, limn_graph_unary(graph, LIMN_PW_RSQRT, variance, eps, 0));
  limn_value shift = limn_graph_sub(graph, beta, limn_graph_mul(graph, mean, scale));
  return limn_graph_add(graph, limn_graph_mul(graph, x, scale), shift);
}

void limn_graph_update_running(limn_graph *graph, limn_value x, limn_value running_mean, limn_value running_var,
                               limn_value gate, limn_batchnorm_attrs attrs) {
  limn_node node = {.op = LIMN_OP_UPDATE_RUNNING,
                    .input_count = gate == LIMN_NONE ? 1 : 2,
                    .inputs = {x, gate},
                    .target_count = 2,
                    .targets = {running_mean, running_var},
                    .alpha = attrs.momentum,
                    .groups = groups_of(attrs)};
  limn_shape s = limn_graph_shape(graph, x);
  if (!groups_fit(graph, limn_op_name(&node), s, node.groups))
    return;
  if (!limn_shape_equal(limn_graph_shape(graph, running_mean), LIMN_CHANNELS(s.c)) ||
      !limn_shape_equal(limn_graph_shape(graph, running_var), LIMN_CHANNELS(s.c)))
    limn_graph_refuse(graph, LIMN_USAGE, "update_running: the statistics must be (1, %d, 1, 1)", s.c);
  else
    limn_graph_append(graph, &node);
}
