/* The convolutions, and batch normalisation. */
#include <stdio.h>

#include "graph/op.h"

/* y's side for an input side x, a kernel side k. */
static int32_t out_side(int32_t x, int32_t k, int32_t stride, int32_t pad, int32_t more) {
  return (x + 2 * pad + more - k) / stride + 1;
}

/* Whether x (N, I, H, W), w (O, I / groups, KH, KW) and y (N, O, OH, OW) are one convolution. */
static bool conv_fits(limn_shape x, limn_shape w, limn_shape y, limn_conv_attrs a) {
  const int32_t groups = limn_conv_groups(a);
  return a.pad_h >= 0 && a.pad_w >= 0 && a.more_h >= 0 && a.more_w >= 0 && x.n == y.n && x.c % groups == 0 &&
         x.c / groups == w.c && y.c == w.n && y.c % groups == 0 && x.h + 2 * a.pad_h + a.more_h >= w.h &&
         x.w + 2 * a.pad_w + a.more_w >= w.w && y.h == out_side(x.h, w.h, a.stride_h, a.pad_h, a.more_h) &&
         y.w == out_side(x.w, w.w, a.stride_w, a.pad_w, a.more_w);
}

/* Of the attributes that are not the usual ones: "" for those that are. */
static const char *describe_rest(limn_conv_attrs a, char *out, size_t size) {
  out[0] = '\0';
  if (!limn_conv_is_plain(a))
    snprintf(out, size, ", %dx%d more behind, in %d groups", a.more_h, a.more_w, limn_conv_groups(a));
  return out;
}

void limn_conv_shape(limn_graph *graph, limn_node *n) {
  const limn_shape a = limn_graph_shape(graph, n->inputs[0]), b = limn_graph_shape(graph, n->inputs[1]);
  const limn_conv_attrs attrs = n->conv;
  char rest[80];
  if (attrs.stride_h < 1 || attrs.stride_w < 1 || limn_conv_groups(attrs) < 1) {
    limn_graph_refuse(graph, LIMN_USAGE, "%s: stride %dx%d in %d groups", limn_op_name(n), attrs.stride_h,
                      attrs.stride_w, limn_conv_groups(attrs));
    return;
  }
  if (n->op == LIMN_OP_CONV)
    n->shape = (limn_shape){a.n, b.n, out_side(a.h, b.h, attrs.stride_h, attrs.pad_h, attrs.more_h),
                            out_side(a.w, b.w, attrs.stride_w, attrs.pad_w, attrs.more_w)};
  const limn_shape shape = n->shape;
  const bool fits = n->op == LIMN_OP_CONV      ? conv_fits(a, b, shape, attrs)
                    : n->op == LIMN_OP_CONV_DX ? conv_fits(shape, b, a, attrs)
                                               : conv_fits(a, shape, b, attrs);
  if (!fits)
    limn_graph_refuse(graph, LIMN_USAGE,
                      "%s: " LIMN_SHAPE_FORMAT " and " LIMN_SHAPE_FORMAT " do not make " LIMN_SHAPE_FORMAT
                      " with stride %dx%d and padding %dx%d%s",
                      limn_op_name(n), LIMN_SHAPE_ARGS(a), LIMN_SHAPE_ARGS(b), LIMN_SHAPE_ARGS(shape), attrs.stride_h,
                      attrs.stride_w, attrs.pad_h, attrs.pad_w, describe_rest(attrs, rest, sizeof rest));
  else if (n->input_count > 2 && !limn_shape_equal(limn_graph_shape(graph, n->inputs[2]), LIMN_CHANNELS(shape.c)))
    limn_graph_refuse(graph, LIMN_USAGE, "%s: the bias is not (1, %d, 1, 1)", limn_op_name(n), shape.c);
}

static limn_value add_conv(limn_graph *graph, limn_op op, limn_value first, limn_value second, limn_value bias,
                           limn_conv_attrs attrs, limn_shape shape) {
  return limn_graph_append(graph, &(limn_node){.op = op,
                                               .shape = shape,
                                               .input_count = bias == LIMN_NONE ? 2 : 3,
                                               .inputs = {first, second, bias},
                                               .conv = attrs});
}

limn_value limn_graph_conv(limn_graph *graph, limn_value x, limn_value w, limn_value bias, limn_conv_attrs attrs) {
  return add_conv(graph, LIMN_OP_CONV, x, w, bias, attrs, LIMN_SCALAR);
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

/* Every group of the batch has to have a variance. */
static void check_groups(limn_graph *graph, const limn_node *node, limn_shape s) {
  if (node->groups < 1 || s.n % node->groups != 0)
    limn_graph_refuse(graph, LIMN_USAGE, "%s: a batch of %d does not divide into %d groups", limn_op_name(node), s.n,
                      node->groups);
  else if ((int64_t)s.n / node->groups * s.h * s.w < 2)
    limn_graph_refuse(graph, LIMN_USAGE, "%s: one value a channel has no variance; use a batch of at least %d",
                      limn_op_name(node), 2 * node->groups);
}

static int32_t groups_of(limn_batchnorm_attrs attrs) { return attrs.groups == 0 ? 1 : attrs.groups; }

static bool has_channels(const limn_graph *graph, limn_value value, int32_t c) {
  return limn_shape_equal(limn_graph_shape(graph, value), LIMN_CHANNELS(c));
}

void limn_batchnorm_shape(limn_graph *graph, limn_node *n) {
  n->shape = limn_graph_shape(graph, n->inputs[0]);
  check_groups(graph, n, n->shape);
  if (!has_channels(graph, n->inputs[1], n->shape.c) || !has_channels(graph, n->inputs[2], n->shape.c))
    limn_graph_refuse(graph, LIMN_USAGE, "batchnorm: gamma and beta must be (1, %d, 1, 1)", n->shape.c);
}

static void check_dy(limn_graph *graph, const limn_node *n, limn_value dy) {
  const limn_shape x = limn_graph_shape(graph, n->inputs[0]);
  check_groups(graph, n, x);
  if (!limn_shape_equal(limn_graph_shape(graph, dy), x))
    limn_graph_refuse(graph, LIMN_USAGE, "%s: dy is not " LIMN_SHAPE_FORMAT, limn_op_name(n), LIMN_SHAPE_ARGS(x));
}

void limn_batchnorm_backward_shape(limn_graph *graph, limn_node *n) {
  n->shape = limn_graph_shape(graph, n->inputs[0]);
  check_dy(graph, n, n->inputs[2]);
  if (!has_channels(graph, n->inputs[1], n->shape.c))
    limn_graph_refuse(graph, LIMN_USAGE, "%s: gamma must be (1, %d, 1, 1)", limn_op_name(n), n->shape.c);
}

void limn_batchnorm_dgamma_shape(limn_graph *graph, limn_node *n) {
  n->shape = LIMN_CHANNELS(limn_graph_shape(graph, n->inputs[0]).c);
  check_dy(graph, n, n->inputs[1]);
}

limn_value limn_graph_batchnorm(limn_graph *graph, limn_value x, limn_value gamma, limn_value beta,
                                limn_batchnorm_attrs attrs) {
  return limn_graph_append(graph, &(limn_node){.op = LIMN_OP_BATCHNORM,
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

void limn_running_shape(limn_graph *graph, limn_node *n) {
  const limn_shape s = limn_graph_shape(graph, n->inputs[0]);
  check_groups(graph, n, s);
  if (!has_channels(graph, n->targets[0], s.c) || !has_channels(graph, n->targets[1], s.c))
    limn_graph_refuse(graph, LIMN_USAGE, "update_running: the statistics must be (1, %d, 1, 1)", s.c);
}

void limn_graph_update_running(limn_graph *graph, limn_value x, limn_value running_mean, limn_value running_var,
                               limn_value gate, limn_batchnorm_attrs attrs) {
  limn_graph_append(graph, &(limn_node){.op = LIMN_OP_UPDATE_RUNNING,
                                        .input_count = gate == LIMN_NONE ? 1 : 2,
                                        .inputs = {x, gate},
                                        .target_count = 2,
                                        .targets = {running_mean, running_var},
                                        .alpha = attrs.momentum,
                                        .groups = groups_of(attrs)});
}

double limn_graph_macs(const limn_graph *graph, limn_value value) {
  const limn_node *n = limn_graph_node(graph, value);
  limn_shape w, y;
  if (n->op == LIMN_OP_CONV || n->op == LIMN_OP_CONV_DX) {
    w = limn_graph_shape(graph, n->inputs[1]);
    y = n->op == LIMN_OP_CONV ? n->shape : limn_graph_shape(graph, n->inputs[0]);
  } else if (n->op == LIMN_OP_CONV_DW) {
    w = n->shape;
    y = limn_graph_shape(graph, n->inputs[1]);
  } else {
    return 0;
  }
  return (double)limn_shape_count(y) * w.c * w.h * w.w;
}
